"""How a run is shown: a table on the terminal and one self-contained HTML file."""
