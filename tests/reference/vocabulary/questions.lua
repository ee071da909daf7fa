-- Prints what make.py asks PyTorch: the cases of a family (tests/lua/vocabulary) with their inputs, as JSON.
local root = debug.getinfo(1, "S").source:match "^@(.*)/reference/vocabulary/[^/]*$"
package.path = root .. "/lua/?.lua;" .. package.path
local vocabulary = require "vocabulary"
print(require("calr.json").encode(require("calr.json").array(vocabulary.questions(os.getenv "FAMILY"))))
