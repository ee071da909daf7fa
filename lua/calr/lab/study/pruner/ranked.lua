--- @module calr.lab.study.pruner.ranked
--- A growing collection of numbers that knows its k-th smallest, where k depends on their count: two heaps meet at the
--- cut. Adding takes O(log n), reading O(1).

local ranked = {}

local Ranked = {}
Ranked.__index = Ranked

local function push(heap, value)
  local i = #heap + 1
  while i > 1 and heap[i // 2] > value do
    heap[i] = heap[i // 2]
    i = i // 2
  end
  heap[i] = value
end

local function pop(heap)
  local top, last, n = heap[1], heap[#heap], #heap - 1
  heap[n + 1] = nil
  if n == 0 then return top end
  local i = 1
  while 2 * i <= n do
    local child = 2 * i
    if child < n and heap[child + 1] < heap[child] then child = child + 1 end
    if heap[child] >= last then break end
    heap[i] = heap[child]
    i = child
  end
  heap[i] = last
  return top
end

--- calr.lab.study.pruner.ranked.new(rank)
--- @param rank  function(n) -> k, 1 <= k <= n, which never falls while n grows
function ranked.new(rank)
  -- low holds the k smallest, negated, so that its top is the largest of them
  return setmetatable({ n = 0, rank = rank, low = {}, high = {} }, Ranked)
end

--- ranked:add(value)
function Ranked:add(value)
  self.n = self.n + 1
  if self.low[1] and value <= -self.low[1] then push(self.low, -value) else push(self.high, value) end
  local k = self.rank(self.n)
  while #self.low > k do push(self.high, -pop(self.low)) end
  while #self.low < k do push(self.low, -pop(self.high)) end
end

--- ranked:cut()
--- @return number|nil  the k-th smallest; nil if empty
--- @return number|nil  the one after it; nil if there is none
function Ranked:cut()
  return self.low[1] and -self.low[1], self.high[1]
end

return ranked
