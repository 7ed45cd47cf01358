"""How good weights are: an encoder of pictures, KID, precision and recall, and a report of all of it."""
