-- Each new value of the annotation is one run. Git does not have it, so it is no difference to Git.
if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
obj.metadata.annotations["nicecommander.dev/run-requested-at"] = os.date("!%Y-%m-%dT%H:%M:%SZ")
return obj
