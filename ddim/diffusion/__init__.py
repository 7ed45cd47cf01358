"""The theory, in NumPy alone: noise levels, noise, solvers, and the way from noise to pictures."""
