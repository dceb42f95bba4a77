{{/* PostgreSQL is migrated before the new pod starts; migrations are safe for the release that still runs. */}}
{{- define "twelve333.migrate" -}}
{{- if eq .Values.database.kind "postgresql" -}}
{{- $name := printf "%s-migrate" (include "twelve333.name" .) -}}
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ $name }}
  labels: {{- include "twelve333.labels" . | nindent 4 }}
  annotations:
    # The release's own settings do not exist yet when the hook runs.
    helm.sh/hook: pre-install,pre-upgrade
    helm.sh/hook-weight: "-5"
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
data:
  {{ include "twelve333.service" . }}.toml: |
    {{- include "twelve333.settings" . | nindent 4 }}
---
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ $name }}
  labels: {{- include "twelve333.labels" . | nindent 4 }}
  annotations:
    helm.sh/hook: pre-install,pre-upgrade
    helm.sh/hook-weight: "0"
    # A failed job stays for reading, until the next try.
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
spec:
  backoffLimit: 2
  activeDeadlineSeconds: 600
  template:
    metadata:
      labels: {{- include "twelve333.labels" . | nindent 8 }}
        app.kubernetes.io/component: migrate
    spec:
      restartPolicy: Never
      {{- include "twelve333.pod.common" . | nindent 6 }}
      containers:
        - name: migrate
          {{- include "twelve333.container" (dict "root" . "verb" "migrate" "pki" false) | nindent 10 }}
      volumes:
        - name: settings
          configMap: {name: {{ $name }}}
        - name: scratch
          emptyDir: {sizeLimit: 64Mi}
{{- end }}
{{- end }}
