-- calr.csv: there and back, what others write, and where a fault is.
local check = require "check"
local calr = require "calr"
local csv = require "calr.csv"

local path = os.getenv("CALR_TEST_TMP") .. "/x.csv"

local function load(source, options)
  calr.sys.write_file(path, source)
  return csv.load(path, options)
end

check.test("there and back", function()
  local columns = { id = calr.tensor({ 1, math.maxinteger }, "i64"), score = calr.tensor({ .1, 1e300 }, "f64"),
    name = { 'a "b", c', "two\nlines" }, code = { "007", "12" } }
  csv.save(path, columns, { "id", "name", "score", "code" })
  local back, names = csv.load(path)
  check.equal(table.concat(names, " "), "id name score code")
  check.ok(back.id:equal(columns.id) and back.score:equal(columns.score))
  check.equal(back.name[1], columns.name[1])
  check.equal(back.name[2], columns.name[2])
  check.equal(back.code[1], "007") -- a number in quotes is text
  csv.save(path, { b = { "x" }, a = calr.tensor { 2.5 } })
  check.equal(calr.sys.read_file(path), "a,b\n2.5,x\n")
end)

check.test("what others write", function()
  local columns, names = load("\239\187\191a;b\r\n1;\"x;y\"\r\n-2;\r\n", { separator = ";" })
  check.equal(table.concat(names, " "), "a b")
  check.equal(columns.a:dtype(), "i64")
  check.all_near(columns.a, { 1, -2 }, 0)
  check.equal(columns.b[1] .. "|" .. columns.b[2], "x;y|")
  columns = load("1,2\n3,4.5", { header = false })
  check.equal(columns[1]:dtype() .. columns[2]:dtype(), "i64f64")
  columns = load "a,b\n1,nan\n2,0x10\n"
  check.equal(columns.b[2], "0x10") -- only what everybody takes for a number is one
  check.equal(next((load "")), nil)
  check.equal(#load("a\n").a, 0)
  for _, cell in ipairs { "x", '"x"' } do -- empty lines between rows, by either way of reading
    columns = load("a,b\r\n\r\n1," .. cell .. "\n\n\n2,y\n\n")
    check.all_near(columns.a, { 1, 2 }, 0)
    check.equal(columns.b[2], "y")
  end
  check.equal(#load("a\nx\n\ny\n").a, 3) -- of one column an empty line is a cell
end)

-- A table without quotes is read by another way than one with: both must say the same.
check.test("with and without quotes", function()
  local stream = calr.rng.open { seed = 1, purpose = "csv" }
  local cells, ends = { "", "1", "-2.5", "x", " y ", "0x1", "007", "1e3", "name.jpg", "é" }, { "\n", "\r\n", "\r" }
  for round = 1, 60 do
    local count, separator = stream:integer(1, 6), round % 3 == 0 and ";" or ","
    local plain, quoted = {}, {}
    for r = 1, stream:integer(1, 7) do
      local a, b = {}, {}
      for c = 1, count do
        a[c] = r == 1 and "c" .. c or cells[stream:integer(1, #cells)]
        b[c] = a[c]
      end
      if r == 1 then b[count] = "\"" .. b[count] .. "\"" end -- of the names, which are texts anyway
      local ending = ends[stream:integer(1, 3)]
      plain[r], quoted[r] = table.concat(a, separator) .. ending, table.concat(b, separator) .. ending
    end
    local x, x_names = load(table.concat(plain), { separator = separator })
    local y, y_names = load(table.concat(quoted), { separator = separator })
    check.equal(table.concat(x_names, " "), table.concat(y_names, " "))
    for _, name in ipairs(x_names) do
      local function is_tensor(column) return calr.tensor.is(column) end
      check.equal(is_tensor(x[name]), is_tensor(y[name]))
      if is_tensor(x[name]) then
        check.equal(x[name]:dtype(), y[name]:dtype())
        check.all_near(x[name], y[name], 0)
      else
        check.equal(table.concat(x[name], "|"), table.concat(y[name], "|"))
      end
    end
  end
  local wide = {}
  for c = 1, 40 do wide[c] = "c" .. c end
  local _, names = load(table.concat(wide, ",") .. "\n" .. ("1,"):rep(39) .. "2\n")
  check.equal(#names, 40)
end)

check.test("faults are told with line and column", function()
  check.fails("x.csv:3:1: this row has 1 cells, the first one 2", load, "a,b\n1,2\n3\n")
  check.fails("x.csv:2:3: this quote is never closed", load, 'a,b\n1,"2\n')
  check.fails("x.csv:2:2: a quote inside a cell", load, 'a,b\n1"2,3\n')
  check.fails("x.csv:2:6: text behind the closing quote", load, 'a,b\n1,"2"3\n')
  check.fails('x.csv:1:3: two columns are called "a"', load, "a,a\n")
  check.fails('unknown option "sep"', csv.load, path, { sep = ";" })
  check.fails("separator is a comma", csv.load, path, { separator = "ab" })
  check.fails('column "b" has 1 cells, "a" 2', csv.save, path, { a = { 1, 2 }, b = { 1 } })
  check.fails('there is no column "c"', csv.save, path, { a = { 1 } }, { "c" })
  check.fails("neither a vector nor a list", csv.save, path, { a = calr.zeros(2, 2) })
end)

check.finish()
