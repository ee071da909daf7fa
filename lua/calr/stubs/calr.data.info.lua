---@meta calr.data.info
-- Made by `calr docs`; do not edit.

--- What a data set holds, as numbers and as text.
---@class calr.data.info
local M = {}

--- Identities, images and cameras by split. Junk (identity -1) of the gallery is set aside, as in evaluation;
--- distractors (identity 0) of the gallery count as images but not as an identity.
---@param dataset any
---@return table # list of {split=, identities=, images=, cameras=, distractors=, junk=, unlabelled=}: train, query, gallery
function M.table(dataset) end

--- The same for people: name, file, fingerprint, and an aligned table.
---@param dataset any
---@return string
function M.text(dataset) end

return M
