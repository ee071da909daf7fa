--- @module calr.refine.none
--- No refinement: the global clusters as they are.

return function(context)
  return context.global
end
