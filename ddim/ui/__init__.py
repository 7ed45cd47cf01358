"""The page: what its tabs share here, and each tab in `tabs`. Nothing else imports Gradio."""
