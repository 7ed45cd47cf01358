"""The page: one module a tab, what they share in `controls`, and its looks in `page`. All that imports Gradio."""
