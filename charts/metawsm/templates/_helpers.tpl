{{- define "metawsm.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "metawsm.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains (include "metawsm.name" .) .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "metawsm.name" .) | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- /* Names of what has no namespace: two releases of one name in two namespaces must not meet. */ -}}
{{- define "metawsm.clusterName" -}}
{{- printf "%s-%s" (include "metawsm.fullname" .) .Release.Namespace -}}
{{- end -}}

{{- define "metawsm.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "metawsm.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "serviceAccount.name is needed where serviceAccount.create is false" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "metawsm.leaseName" -}}
{{- default (include "metawsm.fullname" .) .Values.lease.name -}}
{{- end -}}

{{- define "metawsm.claimName" -}}
{{- default (printf "%s-data" (include "metawsm.fullname" .)) .Values.persistence.existingClaim -}}
{{- end -}}

{{- define "metawsm.selector" -}}
app.kubernetes.io/name: {{ include "metawsm.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- /* Of the controller, and of what belongs to no part: give "component" for another one. */ -}}
{{- define "metawsm.labels" -}}
{{- $component := default "controller" .component -}}
{{- with .context -}}
{{ include "metawsm.selector" . }}
app.kubernetes.io/component: {{ $component }}
app.kubernetes.io/part-of: metawsm
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}
{{- end -}}

{{- /* Of Pods: no version of the chart, so that one that changes nothing for the Pod leaves it alone. */ -}}
{{- define "metawsm.podLabels" -}}
{{- include "metawsm.selector" .context }}
app.kubernetes.io/component: {{ .component }}
app.kubernetes.io/part-of: metawsm
app.kubernetes.io/version: {{ .context.Chart.AppVersion | quote }}
{{- with .context.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- /* Labels, and annotations where there are any. Arguments: context, component, labels, annotations, keep. */ -}}
{{- define "metawsm.metadata" -}}
labels:
  {{- include "metawsm.labels" . | nindent 2 }}
  {{- with .labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- $annotations := merge (dict) (default (dict) .annotations) .context.Values.commonAnnotations }}
{{- if .keep }}
{{- $_ := set $annotations "helm.sh/resource-policy" "keep" }}
{{- end }}
{{- with $annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- /* The files are text in a form that we write ourselves: each document has one line "metadata:" of its own. Taking
       them as text keeps every number and every word of CEL as it is. Arguments: context, text, keep. */ -}}
{{- define "metawsm.shipped" -}}
{{- $more := include "metawsm.metadata" . | nindent 2 -}}
{{- .text | replace "\nmetadata:\n" (printf "\nmetadata:%s\n" $more) -}}
{{- end -}}

{{- define "metawsm.image" -}}
{{- $tag := default .appVersion .image.tag -}}
{{- $name := .image.repository -}}
{{- with .image.registry }}{{ $name = printf "%s/%s" . $name }}{{ end -}}
{{- if .image.digest -}}
{{- printf "%s@%s" $name .image.digest -}}
{{- else -}}
{{- printf "%s:%s" $name $tag -}}
{{- end -}}
{{- end -}}

{{- /* "true" where a kind of admission policy goes in. Arguments: context, kind, choice, offline ("true": also where
       no API server was asked). */ -}}
{{- define "metawsm.hasPolicies" -}}
{{- $served := .context.Capabilities.APIVersions.Has (printf "admissionregistration.k8s.io/v1/%s" .kind) -}}
{{- $asked := .context.Capabilities.APIVersions.Has "v1/Pod" -}}
{{- if eq .choice "Always" -}}true
{{- else if and (eq .choice "Auto") (or $served (and (not $asked) .offline)) -}}true
{{- end -}}
{{- end -}}

{{- define "metawsm.hasValidating" -}}
{{- include "metawsm.hasPolicies" (dict "context" . "kind" "ValidatingAdmissionPolicy" "choice" .Values.admissionPolicies.validating "offline" true) -}}
{{- end -}}

{{- define "metawsm.hasMutating" -}}
{{- include "metawsm.hasPolicies" (dict "context" . "kind" "MutatingAdmissionPolicy" "choice" .Values.admissionPolicies.mutating "offline" false) -}}
{{- end -}}

{{- define "metawsm.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: {{ .id }}
runAsGroup: {{ .group }}
fsGroup: {{ .group }}
# A volume of many files is not walked through at every start.
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "metawsm.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
privileged: false
capabilities: {drop: [ALL]}
{{- end -}}

{{- /* Numbers of a values file are floats, which print like 1e+10. */ -}}
{{- define "metawsm.settingValue" -}}
{{- if kindIs "slice" . -}}{{ join "," . }}
{{- else if kindIs "float64" . -}}{{ int64 . }}
{{- else -}}{{ toString . }}
{{- end -}}
{{- end -}}
