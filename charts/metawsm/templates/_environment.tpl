{{- /* Everything that the controller is told. What the chart decides by itself comes first, then .Values.settings. */ -}}
{{- define "metawsm.environment" -}}
{{- if has "kube-system" .Values.secretNamespaces }}
{{- fail "secretNamespaces: Secrets of kube-system are for nobody here" }}
{{- end }}
{{- range .Values.extraEnv }}
{{- if hasPrefix "METAWSM_" .name }}
{{- fail (printf "extraEnv: %s: what the controller reads is said in settings; agents on its own machine are not for clusters" .name) }}
{{- end }}
{{- end -}}
- {name: METAWSM_DATA_DIR, value: /var/lib/metawsm/data}
- {name: METAWSM_HTTP_LISTEN, value: "0.0.0.0:{{ .Values.service.port }}"}
- {name: METAWSM_POLICY, value: /etc/metawsm/policy.yaml}
{{- with .Values.watchNamespace }}
- {name: METAWSM_NAMESPACE, value: {{ . | quote }}}
{{- end }}
- {name: METAWSM_LEASE_NAMESPACE, value: {{ .Release.Namespace | quote }}}
- {name: METAWSM_LEASE_NAME, value: {{ include "metawsm.leaseName" . | quote }}}
# The same for every container of one Pod, so that one that was killed need not wait for its own Lease; never the same
# for two Pods, for one of them may still run on a node that nobody hears from.
- name: POD_UID
  valueFrom: {fieldRef: {fieldPath: metadata.uid}}
- {name: METAWSM_IDENTITY, value: "{{ include "metawsm.fullname" . }}_$(POD_UID)"}
{{- with .Values.secretNamespaces }}
- {name: METAWSM_SECRET_NAMESPACES, value: {{ join "," . | quote }}}
{{- end }}
{{- with .Values.redis }}
{{- if and .external.secretName .bundled.enabled }}
{{- fail "redis.external.secretName and redis.bundled.enabled: choose one" }}
{{- end }}
{{- if .external.secretName }}
- name: METAWSM_REDIS_URL
  valueFrom: {secretKeyRef: {name: {{ .external.secretName }}, key: {{ .external.secretKey }}}}
{{- else if .bundled.enabled }}
{{- $host := printf "%s-redis.%s.svc" (include "metawsm.fullname" $) $.Release.Namespace }}
{{- if .bundled.passwordSecret.name }}
{{- include "metawsm.redisPassword" . | nindent 0 }}
- {name: METAWSM_REDIS_URL, value: "redis://:$(REDIS_PASSWORD)@{{ $host }}:6379/0"}
{{- else }}
- {name: METAWSM_REDIS_URL, value: "redis://{{ $host }}:6379/0"}
{{- end }}
{{- end }}
{{- end }}
{{- range $key, $value := .Values.settings }}
- {name: METAWSM_{{ $key | snakecase | upper }}, value: {{ include "metawsm.settingValue" $value | quote }}}
{{- end }}
{{- end -}}

{{- define "metawsm.redisPassword" -}}
- name: REDIS_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ .bundled.passwordSecret.name }}, key: {{ .bundled.passwordSecret.key }}}}
{{- end -}}
