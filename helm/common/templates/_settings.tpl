{{/* The part of the settings file that hub and node share. toJson quotes exactly as TOML's basic strings do. */}}
{{- define "twelve333.settings.common" -}}
{{- if eq .Values.database.kind "sqlite" }}
[database]
url = "sqlite:////var/lib/twelve333/{{ include "twelve333.service" . }}.db"
{{ end }}
[broker]
urls = {{ .Values.broker.urls | toJson }}
{{- if .Values.broker.configClaim }}
config = "/var/lib/twelve333-broker/nats-server.conf"
{{- end }}

[telemetry]
exporter = {{ .Values.telemetry.exporter | toJson }}
{{- with .Values.telemetry.otlpEndpoint }}
otlp_endpoint = {{ . | toJson }}
{{- end }}
{{- if .Values.telemetry.metrics }}
prometheus = "0.0.0.0:{{ .Values.listen.metrics | int }}"
{{- end }}
sample_share = {{ .Values.telemetry.sampleShare | float64 }}

[retention]
closed_case_days = {{ .Values.retention.closedCaseDays | int }}
context_days = {{ .Values.retention.contextDays | int }}
confirmed_event_days = {{ .Values.retention.confirmedEventDays | int }}
parked_event_days = {{ .Values.retention.parkedEventDays | int }}
held_step_days = {{ .Values.retention.heldStepDays | int }}
every_hours = {{ .Values.retention.everyHours | float64 }}

[logging]
level = {{ .Values.logging.level | toJson }}
format = "json"
{{- end }}

{{/* Top-level settings; they must stand before the first table. */}}
{{- define "twelve333.settings.top" -}}
locale = {{ .Values.locale | toJson }}
suite = {{ .Values.suite | toJson }}
pki = "/etc/twelve333-pki"
drain_seconds = {{ .Values.drainSeconds | float64 }}
{{- end }}

{{- define "twelve333.configmap" -}}
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ include "twelve333.name" . }}
  labels: {{- include "twelve333.labels" . | nindent 4 }}
data:
  {{ include "twelve333.service" . }}.toml: |
    {{- include "twelve333.settings" . | nindent 4 }}
  {{- include "twelve333.files" . | indent 2 }}
{{- end }}
