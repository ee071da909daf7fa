--- @module calr.protobuf
--- Writes messages of Protocol Buffers (https://protobuf.dev/programming-guides/encoding). A message is collected as a
--- list of pieces, so that the weights of a network are copied once, when the file is put together.

local protobuf = {}

local Message = {}
Message.__index = Message

--- calr.protobuf.message()
--- @return message  an empty one, with :integer, :float, :text, :integers, :floats, :message, :size and :bytes
function protobuf.message()
  return setmetatable({ pieces = {}, length = 0 }, Message)
end

--- calr.protobuf.varint(number)
--- @return string  a whole number, seven bits a byte, least first; a negative one takes ten bytes
local function varint(number)
  if number >= 0 and number < 128 then return string.char(number) end
  local bytes = {}
  repeat
    local low = number & 127
    number = number >> 7
    bytes[#bytes + 1] = string.char(number ~= 0 and low | 128 or low)
  until number == 0
  return table.concat(bytes)
end

protobuf.varint = varint

local VARINT, BYTES, FIXED32 = 0, 2, 5

local function put(self, piece)
  self.pieces[#self.pieces + 1] = piece
  self.length = self.length + #piece
end

local function tag(field, kind) return varint(field << 3 | kind) end

--- message:integer(field, value)
--- A field of the types int32, int64 and enum.
function Message:integer(field, value)
  put(self, tag(field, VARINT) .. varint(value))
  return self
end

--- message:float(field, value)
--- A field of the type float.
function Message:float(field, value)
  put(self, tag(field, FIXED32) .. ("<f"):pack(value))
  return self
end

--- message:text(field, value)
--- A field of the types string and bytes.
function Message:text(field, value)
  put(self, tag(field, BYTES) .. varint(#value))
  put(self, value)
  return self
end

--- message:integers(field, values)
--- A repeated field of integers, packed.
function Message:integers(field, values)
  local list = {}
  for i, value in ipairs(values) do list[i] = varint(value) end
  return self:text(field, table.concat(list))
end

--- message:floats(field, values)
--- A repeated field of floats, packed.
function Message:floats(field, values)
  local list = {}
  for i, value in ipairs(values) do list[i] = ("<f"):pack(value) end
  return self:text(field, table.concat(list))
end

--- message:message(field, inner)
--- A field that is a message; the inner one must be complete.
function Message:message(field, inner)
  put(self, tag(field, BYTES) .. varint(inner.length))
  table.move(inner.pieces, 1, #inner.pieces, #self.pieces + 1, self.pieces)
  self.length = self.length + inner.length
  return self
end

--- message:size()
--- @return integer  how many bytes the message has
function Message:size()
  return self.length
end

--- message:bytes()
--- @return string  the message as it stands in a file
function Message:bytes()
  return table.concat(self.pieces)
end

return protobuf
