"""What people take away that the server has to make: coordinates as a table, and the empty standalone page.

Pictures (PNG, SVG, PDF) and the filling of the standalone page are the browser's work: it alone knows what is on screen
(assets/85-composition.js to 89-standalone.js).

``plotly-gl3d.min.js`` is plotly.js 4.1.1's bundle of 3D traces, from the npm package plotly.js-gl3d-dist-min, unchanged
(MIT, see plotly-gl3d.LICENSE): plotly.py ships the full bundle only, which is almost three times as large. Whoever
raises the version of plotly.py replaces it by the bundle of the same plotly.js; a test compares the two.
"""
