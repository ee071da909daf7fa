---@meta calr.statistics
-- Made by `calr docs`; do not edit.

--- Statistics of a handful of repetitions: means and quantiles, paired differences with their BCa bootstrap interval
--- and exact sign-flip p-value, corrections for several comparisons, Wilcoxon's signed-rank test.
---
--- Values are plain lists of numbers. What cannot be said (a deviation of one value, an interval of two) is nil, never
--- NaN; a NaN or an infinity among the values is an error. Whatever draws at random draws from a fixed stream, so that
--- the same values give the same figures on every call.
---@class calr.statistics
local M = {}

---@param values any
---@return number|nil # nil for an empty list
function M.mean(values) end

--- Standard deviation of a sample: the sum of squares is divided by n - 1.
---@param values any
---@return number|nil # nil for fewer than two values
function M.sd(values) end

--- Interpolated linearly between the two nearest ranks, as NumPy does.
---@param values any
---@param q any 0 .. 1
---@return number|nil # nil for an empty list
function M.quantile(values, q) end

---@param values any
---@return number|nil # nil for an empty list
function M.median(values) end

---@param values any
---@return table # n, mean, sd, min, q1, median, q3, max; what the values do not allow is nil
function M.summary(values) end

--- The bias-corrected and accelerated (BCa) bootstrap interval of Efron (1987), in the form of Efron and Tibshirani,
--- "An Introduction to the Bootstrap", chapter 14, and of scipy.stats.bootstrap. Where all distinct resamples are no
--- more than `resamples` (for 9999: up to 8 values) the whole bootstrap distribution is enumerated with its weights,
--- and the interval has no random part; otherwise resamples come from a fixed stream.
---
--- Fewer than three values have no interval (low and high are nil). Of equal values, low and high are that value. The
--- interval of a few values is too narrow: of normal ones, one of level .95 holds the true mean in 69 of 100 cases for
--- 3 values, 84 for 5, 86 for 6, 88 for 10 (simulated).
---@param values any
---@param options any
--- - `level`: share of cases in which the interval should hold the true figure
--- - `resamples`: how many are drawn, at most
--- - `statistic`: function(list) -> number
--- - `indices`: list of resamples, each a list of n positions, to be used instead of own ones
---@return table # n, estimate, low, high, level, exact (enumerated), resamples (distinct ones or drawn ones), z0, acceleration
function M.bootstrap(values, options) end

--- The smallest two-sided p-value that a sign-flip test of n pairs can give: 2^(1 - n). Five seeds allow .0625: no
--- difference between them, however large, is significant at .05; six allow .03125.
---@param n any
---@return number # 1 for no pair
function M.smallest_p(n) end

--- Paired permutation test of a mean difference of zero, two-sided: the share of all 2^n choices of signs whose sum
--- lies as far from 0 as the one seen. Up to 20 differences all are counted; for more, `resamples` are drawn from a
--- fixed stream and p is (b + 1) / (resamples + 1) (Phipson and Smyth 2010).
---@param differences any
---@param options any
---@return number # p; 1 for no differences or none but zeros
---@return boolean # whether it is exact
function M.sign_flip(differences, options) end

--- Compares two series that belong together pair by pair, such as the figures of two configurations by seed: the mean
--- of a - b, its BCa bootstrap interval and its exact sign-flip p-value.
---@param options any
--- - `a`: table key -> number; a list, or a table by seed
--- - `b`: the same; a key that only one of them has makes no pair
--- - `level`: of the interval
--- - `resamples`: of the bootstrap, and of the test beyond 20 pairs
---@return table # n (pairs), unpaired (keys without a partner), mean, sd, low, high, level, p, exact (of p), smallest_p (what n pairs allow), differences (list, by ascending key); what n does not allow is nil
function M.paired(options) end

--- Holm's step-down correction: the chance of even one false finding among all comparisons stays below the level at
--- which a corrected p-value is read.
---@param ps any list of p-values
---@return table # list of corrected p-values, in the same order
function M.holm(ps) end

--- Benjamini and Hochberg's step-up correction: the expected share of false findings among the findings stays below the
--- level at which a corrected p-value is read.
---@param ps any list of p-values
---@return table # list of corrected p-values, in the same order
function M.benjamini_hochberg(ps) end

--- Wilcoxon's signed-rank test of differences that lie symmetrically around 0. Differences of equal size share the mean
--- of their ranks. Up to 50 differences p is exact, with ties and zeros too: it counts all choices of signs (scipy does
--- so up to 13 where there are ties); beyond 50 it comes from the normal distribution with the variance corrected for
--- ties, as in scipy.
---@param differences any
---@param options any
--- - `alternative`: "two-sided"; "less": they lie below 0; "greater": above
--- - `zeros`: "wilcox": differences of 0 are dropped before ranking; "zsplit": they are ranked, and half their ranks count as positive
---@return table # p (1 when no difference counts), statistic (W+, the sum of the ranks of the positive ones), n (differences that count), exact
function M.wilcoxon(differences, options) end

return M
