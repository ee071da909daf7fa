--- @module calr.data.font
--- Letters for captions in pictures: ASCII, 5 x 7 pixels each, and one more below the line.

local font = {}

-- The columns of each character from the space on, left to right; the lowest bit is the top row.
local glyphs = "0000000000 00005F0000 0007000700 147F147F14 242A7F2A12 2313086462 3649552250 0005030000 001C224100 "
  .. "0041221C00 082A1C2A08 08083E0808 0080600000 0808080808 0060600000 2010080402 3E5149453E 00427F4000 4261514946 "
  .. "2141454B31 1814127F10 2745454539 3C4A494930 0171090503 3649494936 064949291E 0036360000 0086660000 0008142241 "
  .. "1414141414 4122140800 0201510906 324979413E 7E1111117E 7F49494936 3E41414122 7F4141221C 7F49494941 7F09090101 "
  .. "3E41415132 7F0808087F 00417F4100 2040413F01 7F08142241 7F40404040 7F0204027F 7F0408107F 3E4141413E 7F09090906 "
  .. "3E4151215E 7F09192946 4649494931 01017F0101 3F4040403F 1F2040201F 7F2018207F 6314081463 0304780403 6151494543 "
  .. "00007F4141 0204081020 41417F0000 0402010204 4040404040 0001020400 2054545478 7F48444438 3844444420 384444487F "
  .. "3854545418 087E090102 18A4A4A47C 7F08040478 00447D4000 4080847D00 007F102844 00417F4000 7C04180478 7C08040478 "
  .. "3844444438 FC24242418 18242424FC 7C08040408 4854545420 043F444020 3C4040207C 1C2040201C 3C4030403C 4428102844 "
  .. "1CA0A0A07C 4464544C44 0008364100 00007F0000 0041360800 0804081008"

local WIDTH, HEIGHT = 6, 9 -- of a character with the space around it

local columns = {}
do
  local code = 32
  for hex in glyphs:gmatch "%x+" do
    local list = {}
    for pair in hex:gmatch "%x%x" do list[#list + 1] = tonumber(pair, 16) end
    columns[code], code = list, code + 1
  end
end

--- calr.data.font.columns(width)
--- @return integer  characters that fit into a width in pixels
function font.columns(width) return width // WIDTH end

--- calr.data.font.height()
--- @return integer  of a line, in pixels
function font.height() return HEIGHT end

--- calr.data.font.write(image, text, x, y [, shade])
--- Writes a line of text into an image, u8[height x width x 3], in place, from pixel (x, y) on, both from 0. What goes
--- beyond the right edge is cut off; characters that are not ASCII become question marks.
--- @param shade  0 (black, the default) .. 255 (white)
function font.write(image, text, x, y, shade)
  local height, width = image:size(1), image:size(2)
  local letters = font.columns(width - x)
  if letters < 1 or y + HEIGHT > height then return end
  text = text:gsub("[\128-\255]+", "?"):sub(1, letters)
  for i = 1, #text do
    local glyph = columns[text:byte(i)] or columns[63]
    for column = 1, 5 do
      for row = 0, 7 do
        if glyph[column] >> row & 1 == 1 then
          local at = image:narrow(1, y + row + 2, 1):narrow(2, x + (i - 1) * WIDTH + column, 1)
          at:fill(shade or 0)
        end
      end
    end
  end
end

--- calr.data.font.strokes(text)
--- The pixels of a line of text as rectangles, to be painted at any size; characters that are not ASCII become question
--- marks.
--- @return table  list of {x, y, width, height} in pixels of the font, from 0
function font.strokes(text)
  local list = {}
  text = text:gsub("[\128-\255]+", "?")
  for i = 1, #text do
    local glyph = columns[text:byte(i)] or columns[63]
    for column = 1, 5 do
      local bits, row = glyph[column], 0
      while bits >> row > 0 do
        local first = row
        while bits >> row & 1 == 1 do row = row + 1 end
        if row > first then list[#list + 1] = { (i - 1) * WIDTH + column - 1, first + 1, 1, row - first } end
        row = row + 1
      end
    end
  end
  return list
end

return (require("calr.options").counted("calr.data.font.", font))
