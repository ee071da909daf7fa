--- @module calr.vocabulary.dimension
--- The check of a dimension that a function of the vocabulary is given.

-- dimension(name, x, dim [, fallback]): the dimension as a number from 1; `fallback` where there is none. An error
-- names the function that was called.
return function(name, x, dim, fallback)
  dim = dim == nil and fallback or dim
  local from_first = math.type(dim) == "integer" and (dim < 0 and dim + x:dim() + 1 or dim)
  if not from_first or from_first < 1 or from_first > x:dim() then
    error(("calr.%s: %s has no dimension %s"):format(name, x, dim), 3)
  end
  return from_first
end
