-- A suspended task refuses requests, so it offers none.
local suspended = obj.spec.suspend == true

local actions = {}
actions["run-now"] = { disabled = suspended, displayName = "Run now" }
actions["suspend"] = { disabled = suspended, displayName = "Suspend" }
actions["resume"] = { disabled = not suspended, displayName = "Resume" }
return actions
