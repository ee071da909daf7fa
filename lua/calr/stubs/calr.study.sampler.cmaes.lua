---@meta calr.study.sampler.cmaes
-- Made by `calr docs`; do not edit.

--- Evolution strategy with covariance matrix adaptation (Hansen, "The CMA evolution strategy: a tutorial", arXiv
--- 1604.00772; weights and rates of its table 1, negative weights included), for one goal. Best where parameters are
--- numbers and depend on each other, and for more than a hundred trials.
---
--- It works in the unit cube of the space. Points outside are drawn again, and clipped at the hundredth time. Whole and
--- stepped numbers are rounded, and their deviation kept so large that the next value has a chance (Hamano et al.,
--- GECCO 2022, "CMA-ES with margin"). A choice has probabilities, which move towards what the better half chose.
--- Parameters that are inactive in a point drift freely. When the distribution has converged or the losses no longer
--- differ, it starts again at a random place with twice the population (IPOP: Auger and Hansen, CEC 2005).
---
--- A generation is made of the next trials, by number, that finished or were pruned; pruned ones are its worst. A trial
--- that was drawn from an older generation, because several workers run, is taken in with its step limited (Hansen,
--- "Injecting external solutions into CMA-ES", arXiv 1110.4181). Failed trials count for nothing.
---
--- Options: `sigma` (0.2): the first deviation, in units of the range; `population` (0: 4 + floor(3 ln parameters));
--- `restart` (true).
---@class calr.study.sampler.cmaes
local M = {}

return M
