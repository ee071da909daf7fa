---@meta calr.study.sampler.tpe
-- Made by `calr docs`; do not edit.

--- Tree-structured Parzen estimator (Bergstra et al., NeurIPS 2011; Watanabe, arXiv 2304.11127): the trials so far are
--- split into the good ones and the rest; of candidates drawn where the good ones are dense, the one is taken at which
--- the ratio of the two densities is largest.
---
--- Trials count as good by their losses; pruned ones come after all finished ones, ranked by how far they came and then
--- by what they reported last. Failed trials count for nothing but their point; running ones belong to the rest, so
--- that several workers do not try the same place. A parameter that exists only under a choice is modelled by the
--- trials that have it. With two goals, trials are good by their rank of non-domination, and those of the first rank
--- that does not fit are chosen for the area that they dominate (Ozaki et al., JAIR 73 (2022)).
---
--- Options, with their defaults: `startup` (10): trials drawn at random before; `candidates` (24); `gamma` (0.1) and
--- `most` (25, with two goals no limit): min(ceil(gamma * n), most) trials are good; `prior` (1): weight of the prior
--- kernel; `multivariate` (true; false with two goals and in spaces with conditional parameters): parameters are drawn
--- together, those under one choice apart from the others, rather than each by itself; `bandwidth` ("neighbour" or
--- "scott") and `endpoints` (false): see calr.search.parzen; `clip` (1.5; 1 in spaces with conditional parameters): no
--- kernel is narrower than range / min(100, (n + 2)^clip); `liar` (true): whether running trials count.
---
--- Optuna's and Hyperopt's clip is 1. 1.5 finds optima of numbers closer within a hundred trials
--- (tests/bench/samplers.lua compares), but lets a search settle on one alternative before it knows the others; so does
--- drawing together.
---@class calr.study.sampler.tpe
local M = {}

return M
