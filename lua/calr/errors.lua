--- @module calr.errors
--- Error values that end a script on purpose: wrong usage, a failure that is not the script's fault, a request to exit.
--- They carry an exit status and need no traceback (calr.traceback handles those of other errors).

local errors = {}

local Exit = { __name = "calr.exit" }
Exit.__tostring = function(self) return self.message or ("exit " .. self.status) end

--- calr.errors.usage(format, ...)
--- Ends the program with a message and exit status 2: it was called wrongly.
function errors.usage(format, ...)
  error(setmetatable({ status = 2, message = format:format(...) }, Exit), 0)
end

--- calr.errors.fail(format, ...)
--- Ends the program with a message and exit status 1, without a traceback: for a failure that is not the script's
--- fault.
function errors.fail(format, ...)
  error(setmetatable({ status = 1, message = format:format(...) }, Exit), 0)
end

--- calr.errors.exit(status)
--- Ends the program quietly. Open runs are finished; <close> variables are closed.
function errors.exit(status)
  error(setmetatable({ status = status }, Exit), 0)
end

--- calr.errors.leave(reason, status)
--- Unwinds a script that is not at fault: `reason` is "pruned" (a study stopped the trial), "fenced" (another worker
--- has taken it over) or "warned" (the machine is about to be taken away). Open runs end with the status "pruned" or
--- "interrupted".
--- @param reason  "pruned", "fenced" or "warned"
function errors.leave(reason, status)
  error(setmetatable({ status = status, reason = reason }, Exit), 0)
end

--- calr.errors.is_exit(value)
--- @param value  any
--- @return boolean  whether an error value is one of those above
function errors.is_exit(value)
  return getmetatable(value) == Exit
end

return (require("calr.options").counted("calr.errors.", errors))
