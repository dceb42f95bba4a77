{{/* What is a node's own: its command, its listeners, its settings, its keys. */}}
{{- define "twelve333.service" -}}node{{- end }}

{{- define "twelve333.ports" -}}
[federation, desk, page, health, metrics]
{{- end }}

{{/* Files of the province's own that the settings name; they lie beside them. */}}
{{- define "twelve333.files" -}}
{{- with .Values.library.synonyms }}
synonyms.txt: {{ . | toJson }}
{{- end }}
{{- with .Values.handoff.contextNeeds }}
context_needs.toml: {{ . | toJson }}
{{- end }}
{{- end }}

{{- define "twelve333.settings" -}}
province = {{ .Values.province | toJson }}
{{ include "twelve333.settings.top" . }}

[listen]
federation = "0.0.0.0:{{ .Values.listen.federation | int }}"
desk = "0.0.0.0:{{ .Values.listen.desk | int }}"
page = "0.0.0.0:{{ .Values.listen.page | int }}"
health = "0.0.0.0:{{ .Values.listen.health | int }}"
advertise = {{ .Values.advertise.federation | toJson }}

[hub]
endpoint = {{ .Values.hub.endpoint | toJson }}
sync_seconds = {{ .Values.hub.syncSeconds | float64 }}

[library]
topics = {{ .Values.library.topics | toJson }}
regions = {{ .Values.library.regions | toJson }}
removals_kept_days = {{ .Values.library.removalsKeptDays | int }}
{{- if .Values.library.synonyms }}
synonyms = "synonyms.txt"
{{- end }}
{{- range .Values.library.caps }}

[[library.caps]]
from = {{ .from | toJson }}
to = {{ .to | toJson }}
kilobits = {{ .kilobits | int }}
{{- end }}

[handoff]
candidate_ms = {{ .Values.handoff.candidateMs | int }}
total_ms = {{ .Values.handoff.totalMs | int }}
seat_hold_seconds = {{ .Values.handoff.seatHoldSeconds | float64 }}
call_hold_seconds = {{ .Values.handoff.callHoldSeconds | float64 }}
{{- if .Values.handoff.contextNeeds }}
context_needs = "context_needs.toml"
{{- end }}

{{ include "twelve333.settings.common" . | trim }}
{{- end }}

{{- define "twelve333.pki" -}}
{{ include "twelve333.pki.pair" (dict "secret" .Values.pki.federation "folder" "federation") }}
{{ include "twelve333.pki.pair" (dict "secret" .Values.pki.desk "folder" "desk") }}
- secret:
    name: {{ .Values.pki.documents | quote }}
    items:
      - {key: documents.pub, path: documents.pub}
      - {key: fields.keys, path: fields.keys}
{{- end }}
