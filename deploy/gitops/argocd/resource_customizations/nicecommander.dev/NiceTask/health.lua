-- Health of a NiceTask: is its definition in force? How its runs end is no matter of health, except for
-- a task that runs once. Status and conditions are as kstatus wants them.
local waiting = { status = "Progressing", message = "Waiting for the operator" }
local status = obj.status
if status == nil or status.observedGeneration ~= obj.metadata.generation then
  return waiting
end

local conditions = {}
for _, condition in ipairs(status.conditions or {}) do
  conditions[condition.type] = condition
end

local stalled = conditions.Stalled
if stalled ~= nil and stalled.status == "True" then
  return { status = "Degraded", message = stalled.message }
end

local ready = conditions.Ready
if ready ~= nil and ready.status == "True" and ready.reason == "Suspended" then
  return { status = "Healthy", message = ready.message }
end

local once = conditions.Succeeded
if once ~= nil then
  if once.status == "True" then
    return { status = "Healthy", message = once.message }
  end
  if once.status == "False" then
    return { status = "Degraded", message = once.message }
  end
  -- Its moment may be weeks away: until then there is nothing to wait for. Times in UTC compare as text.
  local planned = status.nextRunTime
  if once.reason == "Pending" and planned ~= nil and planned > os.date("!%Y-%m-%dT%H:%M:%SZ") then
    return { status = "Healthy", message = "runs once, at " .. planned }
  end
  return { status = "Progressing", message = once.message }
end

if ready ~= nil and ready.status == "True" then
  return { status = "Healthy", message = ready.message }
end
return waiting
