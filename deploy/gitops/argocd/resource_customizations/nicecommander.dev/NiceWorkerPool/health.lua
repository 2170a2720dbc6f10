-- Health of a NiceWorkerPool: can runs be executed now, or as soon as one asks for it? A pool that is scaled to
-- zero is healthy.
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
if ready == nil then
  return waiting
end
if ready.status == "True" then
  return { status = "Healthy", message = ready.message }
end
if ready.reason == "PodsFailing" then
  return { status = "Degraded", message = ready.message }
end
return { status = "Progressing", message = ready.message }
