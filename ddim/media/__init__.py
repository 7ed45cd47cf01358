"""Between arrays and files: pictures, grids, films and charts, and the recipes inside them."""
