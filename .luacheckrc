std = "lua54"
max_line_length = 120
unused_args = false
exclude_files = { "build*", "build/stubs", "tests/reference" }
ignore = { "581", "582" } -- not (x <= y) is not x > y: NaN
