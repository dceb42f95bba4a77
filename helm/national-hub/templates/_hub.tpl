{{/* What is the hub's own: its command, its listeners, its settings, its keys. */}}
{{- define "twelve333.service" -}}hub{{- end }}

{{- define "twelve333.ports" -}}
[federation, enrolment, health, metrics]
{{- end }}

{{- define "twelve333.files" -}}{{- end }}

{{- define "twelve333.settings" -}}
{{ include "twelve333.settings.top" . }}
certificate_days = {{ .Values.certificateDays | int }}

[listen]
federation = "0.0.0.0:{{ .Values.listen.federation | int }}"
enrolment = "0.0.0.0:{{ .Values.listen.enrolment | int }}"
health = "0.0.0.0:{{ .Values.listen.health | int }}"
advertise = {{ .Values.advertise.federation | toJson }}
advertise_enrolment = {{ .Values.advertise.enrolment | toJson }}

{{ include "twelve333.settings.common" . | trim }}
{{- end }}

{{- define "twelve333.pki" -}}
{{ include "twelve333.pki.pair" (dict "secret" .Values.pki.federation "folder" "federation") }}
{{ include "twelve333.pki.pair" (dict "secret" .Values.pki.enrolment "folder" "enrolment") }}
- secret:
    name: {{ .Values.pki.documents | quote }}
    items:
      - {key: documents.key, path: documents.key}
      - {key: fields.keys, path: fields.keys}
# Once the document key was exchanged, and ever after: what leads from the keys that nodes pinned to the present one.
- secret:
    name: {{ .Values.pki.documents | quote }}
    optional: true
    items:
      - {key: documents.vouchers, path: documents.vouchers}
- secret:
    # The issuing half only: the root's key belongs off every machine that is reachable.
    name: {{ .Values.pki.authority | quote }}
    items:
      - {key: tls.crt, path: authority/issuing/ca.crt}
      - {key: tls.key, path: authority/issuing/ca.key}
      - {key: ca.crt, path: authority/root/ca.crt}
# While a root is exchanged, and ever after: what is trusted, and what vouches for it.
- secret:
    name: {{ .Values.pki.authority | quote }}
    optional: true
    items:
      - {key: trusted.pem, path: authority/trusted.pem}
      - {key: links.pem, path: authority/links.pem}
{{- end }}
