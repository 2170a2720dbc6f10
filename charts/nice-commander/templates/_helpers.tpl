{{- define "nice.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{- define "nice.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "nice.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "nice.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{- define "nice.selector" -}}
app.kubernetes.io/name: nice-commander
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "nice.labels" -}}
{{ include "nice.selector" . }}
app.kubernetes.io/part-of: nice-commander
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "nice.image" -}}
{{- $name := printf "%s/%s" .image.registry .image.repository | trimPrefix "/" -}}
{{- if .image.digest -}}
{{- printf "%s@%s" $name .image.digest -}}
{{- else -}}
{{- printf "%s:%s" $name (default .version .image.tag) -}}
{{- end -}}
{{- end }}

{{- define "nice.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}{{ default (include "nice.fullname" .) .Values.serviceAccount.name }}{{- else -}}{{ default "default" .Values.serviceAccount.name }}{{- end -}}
{{- end }}

{{- define "nice.workerServiceAccount" -}}
{{- if .Values.workerServiceAccount.create -}}{{ default (printf "%s-worker" (include "nice.fullname" .)) .Values.workerServiceAccount.name }}{{- else -}}{{ default "default" .Values.workerServiceAccount.name }}{{- end -}}
{{- end }}

{{- define "nice.trialDatabase" -}}
{{- if not (or .Values.database.url .Values.database.existingSecret) -}}yes{{- end -}}
{{- end }}

{{- define "nice.trialRedis" -}}
{{- if and .Values.redis.enabled (not (or .Values.redis.url .Values.redis.existingSecret)) -}}yes{{- end -}}
{{- end }}

{{- /* A Secret of the user's; of the chart's own, one for a URL and another for the trial server: they hold different things. */ -}}
{{- define "nice.databaseSecret" -}}
{{- if and .Values.database.url .Values.database.existingSecret }}{{ fail "set database.url or database.existingSecret, not both" }}{{ end -}}
{{- $own := printf "%s-database" (include "nice.fullname" .) -}}
{{- .Values.database.existingSecret | default (ternary (printf "%s-url" $own) $own (ne .Values.database.url "")) -}}
{{- end }}
{{- define "nice.redisSecret" -}}
{{- if and .Values.redis.url .Values.redis.existingSecret }}{{ fail "set redis.url or redis.existingSecret, not both" }}{{ end -}}
{{- $own := printf "%s-redis" (include "nice.fullname" .) -}}
{{- .Values.redis.existingSecret | default (ternary (printf "%s-url" $own) $own (ne .Values.redis.url "")) -}}
{{- end }}
{{- define "nice.tokenSecret" -}}{{ default (printf "%s-token" (include "nice.fullname" .)) .Values.auth.existingSecret }}{{- end }}

{{- /* "yes" where logs go to CloudWatch; what is half said is refused. */ -}}
{{- define "nice.cloudwatch" -}}
{{- $logs := .Values.logs -}}
{{- if eq $logs.backend "cloudwatch" -}}
{{- if not $logs.region }}{{ fail "logs.backend is cloudwatch and logs.region is not set: say the region of the log group, as eu-central-1" }}{{ end -}}
{{- if not $logs.logGroupName }}{{ fail "logs.backend is cloudwatch and logs.logGroupName is not set: say the log group, as /nice/runs" }}{{ end -}}
yes
{{- else -}}
{{- range $name := list "region" "logGroupName" "endpointUrl" "existingSecret" }}{{ if get $logs $name }}{{ fail (printf "logs.%s is set and logs.backend is sql, which does not use it: set logs.backend to cloudwatch, or take it away" $name) }}{{ end }}{{ end -}}
{{- end -}}
{{- end }}

{{- /* "secret/NAME" or "configmap/NAME": where the authority of our certificate is; empty without TLS. */ -}}
{{- define "nice.authority" -}}
{{- if and (include "nice.tlsConfigMap" .) (not (include "nice.tlsSecret" .)) }}{{ fail "tls.caConfigMap is set and tls.existingSecret is not: name the Secret with the certificate, or take it away" }}{{ end -}}
{{- if include "nice.tlsConfigMap" . -}}configmap/{{ include "nice.tlsConfigMap" . }}
{{- else if include "nice.tlsSecret" . -}}secret/{{ include "nice.tlsSecret" . }}
{{- end -}}
{{- end }}
{{- define "nice.scheme" -}}{{ if include "nice.tlsSecret" . }}HTTPS{{ else }}HTTP{{ end }}{{- end }}

{{- /* Values of an earlier chart (helm upgrade --reuse-values) know no tls. */ -}}
{{- define "nice.tlsSecret" -}}{{ (.Values.tls | default dict).existingSecret | default "" }}{{- end }}
{{- define "nice.tlsConfigMap" -}}{{ (.Values.tls | default dict).caConfigMap | default "" }}{{- end }}

{{- /* The namespaces with pools: the release's own, and those of the values. */ -}}
{{- define "nice.poolNamespaces" -}}
{{- concat (list .Release.Namespace) .Values.poolNamespaces | uniq | toJson -}}
{{- end }}

{{- /* Names by which the page may be called. */ -}}
{{- define "nice.hosts" -}}
{{- $name := include "nice.fullname" . -}}
{{- $own := list $name (printf "%s.%s" $name .Release.Namespace) (printf "%s.%s.svc" $name .Release.Namespace) (printf "%s.%s.svc.cluster.local" $name .Release.Namespace) -}}
{{- concat $own .Values.hosts .Values.ingress.hosts .Values.httpRoute.hostnames | uniq | join "," -}}
{{- end }}

{{- /* Where tasks are run. Pools are heard of there at once, and listed like everywhere else. */ -}}
{{- define "nice.taskRules" }}
- apiGroups: [nicecommander.dev]
  resources: [nicetasks, niceworkerpools]
  verbs: [get, list, watch]
- apiGroups: [nicecommander.dev]
  resources: [nicetasks/status, niceworkerpools/status]
  verbs: [patch]
- apiGroups: [""]
  resources: [events]
  verbs: [create, patch]
{{- end }}

{{- /* Where there are pools and no tasks of ours. */ -}}
{{- define "nice.poolRules" }}
- apiGroups: [nicecommander.dev]
  resources: [niceworkerpools]
  verbs: [get, list]
- apiGroups: [nicecommander.dev]
  resources: [niceworkerpools/status]
  verbs: [patch]
{{- end }}
