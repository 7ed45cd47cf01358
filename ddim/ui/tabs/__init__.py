"""The tabs of the page: each lays out its controls and pictures, then wires them."""
