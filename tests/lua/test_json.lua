-- calr.json: round trips, order of keys, and refusals that name the place.
local check = require "check"
local json = require "calr.json"

check.test("writing", function()
  check.equal(json.encode { b = 1, a = { 1, 2.5, 0.1 }, c = {}, d = json.array(), e = json.null, f = true },
    "{\"a\":[1,2.5,0.1],\"b\":1,\"c\":{},\"d\":[],\"e\":null,\"f\":true}")
  check.equal(json.encode({ a = { 1, { b = 2 } }, c = json.array() }, { indent = 2 }),
    "{\n  \"a\": [\n    1,\n    {\n      \"b\": 2\n    }\n  ],\n  \"c\": []\n}")
  check.equal(json.encode "q\"\\\n\t\0\u{e9}", "\"q\\\"\\\\\\n\\t\\u0000\u{e9}\"")
  check.equal(json.encode(math.maxinteger), "9223372036854775807")
  check.equal(json.encode(1e300), "1e+300")
  check.equal(json.encode(2.0), "2.0")
end)

check.test("reading gives back what was written", function()
  local text = "{\"a\":[1,2.5,[]],\"b\":{},\"c\":-9223372036854775808,\"d\":0.1,\"e\":null,\"f\":[false,\"x\\u0000y\"]}"
  check.equal(json.encode(json.decode(text)), text)
  local value = json.decode "[1, 1.0]"
  check.equal(math.type(value[1]), "integer")
  check.equal(math.type(value[2]), "float")
  for _, x in ipairs { 0.1 + 0.2, 1 / 3, 5e-324, 1.7976931348623157e308, -0.0 } do
    check.equal(string.pack("d", json.decode(json.encode(x))), string.pack("d", x))
  end
  check.equal(json.decode "null", json.null)
end)

check.test("what cannot be written is named", function()
  check.fails("NaN as JSON (at a.b[2])", json.encode, { a = { b = { 1, 0 / 0 } } })
  check.fails("infinity as JSON (at x)", json.encode, { x = math.huge })
  check.fails("a function as JSON (at list[1].f)", json.encode, { list = { { f = print } } })
  check.fails("not UTF-8 as JSON (at k", function() json.encode { k = "\xc3(" } end)
  check.fails("numbered holes", json.encode, { 1, nil, 3 })
  check.fails("numbered holes", json.encode, { 1, x = 2 })
  local loop = {}
  loop.again = loop
  check.fails("contain themselves", json.encode, loop)
  for _, bad in ipairs { "\x80", "\xc0\x80", "\xed\xa0\x80", "\xf5\x80\x80\x80", "\xe2\x82" } do
    check.fails("not UTF-8", json.encode, bad)
  end
end)

check.test("what cannot be read is named by line and column", function()
  check.fails("run.json, line 2, column", json.decode, "{\"a\":1,\n\"b\" 2}", "run.json")
  check.fails("duplicate", json.decode, "{\"a\":1,\"a\":2}")
  check.fails("end of file", json.decode, "[1, 2] x")
  check.fails("line 1", json.decode, "")
  check.fails("line 1", json.decode, "[NaN]")
  check.fails("line", json.decode, ("["):rep(5000))
end)

-- Plain text takes a shorter way than text with escapes; both have to read the same.
check.test("plain text and other text are read alike", function()
  local function show(value)
    if math.type(value) == "float" then return ("%a"):format(value) end
    if type(value) ~= "table" then return tostring(value) end
    local parts = {}
    for key, item in pairs(value) do parts[#parts + 1] = tostring(key) .. "=" .. show(item) end
    table.sort(parts)
    return "{" .. table.concat(parts, ",") .. "}"
  end
  local good = { "1", "-0", "-17", "0.5", "-0.0", "1e5", "1E-7", "2.5e+3", "999999999999999999", "9223372036854775807",
    "1e-400", "4.9e-324", "1.7976931348623157e308", "0.1", "1795263707.009", "true", "false", "null", '"text"', '""',
    "{}", "[]", "[1]", '[1, 2.0,"three" ,[4],{"five" :6}]', '{"a":{"b":{"c":[true,false]}},"d":""}',
    '  {\t"a" :\n1 }\r\n', ("["):rep(40) .. "1" .. ("]"):rep(40), '"h\\u00e4"', '"h\xc3\xa4"', '"a\\"b"',
    '{"long key of more than forty letters, which Lua does not intern":1}' }
  for _, text in ipairs(good) do
    local other = json.decode('["\\u0041",' .. text .. "]")[2]
    check.equal(show(json.decode(text)), show(other), text)
    check.equal(math.type(json.decode(text)), math.type(other), text)
  end
  local bad = { "", " ", "01", "-", "1.", ".5", "1e", "+1", "tru", "truex", "[1,]", "[1 2]", "[", '{"a":1,}', '{"a" 1}',
    "{a:1}", '{"a":1,"a":2}', '"open', '"a\nb"', "1 2", "1e999", "92233720368547758080", "nul", '"\xff"', "]" }
  for _, text in ipairs(bad) do
    check.fails("JSON, line", json.decode, text)
  end
  local large = {}
  for i = 1, 60000 do large[i] = i end
  check.equal(#json.decode(json.encode(large)), 60000)
  check.equal(json.encode(json.decode "[]"), "[]")
end)

check.test("keys are written in the order of their bytes", function()
  local few, many = {}, {}
  for i = 1, 64 do few[("%c%d"):format(33 + i * 37 % 90, i)] = i end
  for i = 1, 200 do many[("key %d"):format(i * 7919 % 200)] = i end
  for _, value in ipairs { few, many, { ab = 1, a = 2, b = 3, [""] = 4, abc = 5 } } do
    local last
    for key in json.encode(value):gmatch '"([^"]*)":' do
      check.ok(last == nil or last < key, key)
      last = key
    end
  end
end)

check.finish()
