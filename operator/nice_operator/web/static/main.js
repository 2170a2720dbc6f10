// Everything works without this. With it, pages follow what happens.
import { watchForms } from "./forms.js";
import { followLog } from "./log.js";
import { loadMore, rememberRegions, watchChanges } from "./regions.js";
import { enhanceTimes } from "./times.js";

rememberRegions();
enhanceTimes(document);
setInterval(() => enhanceTimes(document), 5000);
watchForms();
loadMore();
watchChanges();
followLog();
