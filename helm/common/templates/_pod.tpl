{{/* Everything that runs is an ordinary account without rights and writes only to its volumes. */}}
{{- define "twelve333.pod.security" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "twelve333.container.security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* One call of the command line, for example "run" or "migrate". */}}
{{- define "twelve333.container" -}}
{{- $root := .root -}}
image: {{ include "twelve333.image" $root | quote }}
imagePullPolicy: {{ $root.Values.image.pullPolicy }}
command: [twelve333, {{ include "twelve333.service" $root }}, {{ .verb }}, --config, /etc/twelve333/{{ include "twelve333.service" $root }}.toml]
{{- if eq $root.Values.database.kind "postgresql" }}
env:
  # The URL holds a password: from a secret into the environment, never into the settings file.
  - name: TWELVE333_DATABASE__URL
    valueFrom:
      secretKeyRef:
        name: {{ $root.Values.database.postgresql.urlSecret.name | quote }}
        key: {{ $root.Values.database.postgresql.urlSecret.key | quote }}
{{- end }}
securityContext: {{- include "twelve333.container.security" $root | nindent 2 }}
resources: {{- toYaml $root.Values.resources | nindent 2 }}
volumeMounts:
  - {name: settings, mountPath: /etc/twelve333, readOnly: true}
  - {name: scratch, mountPath: /tmp}
{{- if .pki }}
  # Beside the settings, not inside: a mount point cannot be made in a read-only volume.
  - {name: pki, mountPath: /etc/twelve333-pki, readOnly: true}
{{- end }}
{{- if eq $root.Values.database.kind "sqlite" }}
  - {name: data, mountPath: /var/lib/twelve333}
{{- end }}
{{- if and .pki $root.Values.broker.configClaim }}
  - {name: broker, mountPath: /var/lib/twelve333-broker}
{{- end }}
{{- end }}

{{/* A secret of type kubernetes.io/tls with ca.crt beside, as one folder of the PKI. */}}
{{- define "twelve333.pki.pair" -}}
- secret:
    name: {{ .secret | quote }}
    items:
      - {key: tls.crt, path: {{ .folder }}/tls.crt}
      - {key: tls.key, path: {{ .folder }}/tls.key}
      - {key: ca.crt, path: {{ .folder }}/ca.crt}
{{- end }}

{{- define "twelve333.pod.common" -}}
automountServiceAccountToken: false
# A release called twelve333 would otherwise find its own service's address among the settings in its environment.
enableServiceLinks: false
securityContext: {{- include "twelve333.pod.security" . | nindent 2 }}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
