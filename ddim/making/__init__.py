"""What the program makes: pictures, comparisons, walks, planes and films, and the recipes that make them again."""
