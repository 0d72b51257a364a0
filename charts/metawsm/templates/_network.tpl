{{- define "metawsm.tcpPorts" -}}
{{- range $index, $port := . }}
{{- if $index }}{{ "\n" }}{{ end -}}
- {protocol: TCP, port: {{ $port }}}
{{- end }}
{{- end -}}

{{- /* `to:` with address blocks; nothing at all, and so any address, where there are none. An exception has to lie within
       its block, so each goes with the family that it belongs to. Arguments: cidrs, except. */ -}}
{{- define "metawsm.toBlocks" -}}
{{- $except := default (list) .except -}}
{{- with .cidrs -}}
to:
  {{- range $cidr := . }}
  - ipBlock:
      cidr: {{ $cidr | quote }}
      {{- $within := list }}
      {{- range $one := $except }}
      {{- if and (eq (contains ":" $one) (contains ":" $cidr)) (hasSuffix "/0" $cidr) }}
      {{- $within = append $within $one }}
      {{- end }}
      {{- end }}
      {{- with $within }}
      except:
        {{- toYaml . | nindent 8 }}
      {{- end }}
  {{- end }}
{{- end -}}
{{- end -}}
