{{/* One service per audience: what other provinces reach, what the province's own desks reach, and what stays in the cluster. */}}
{{- define "twelve333.audience" -}}
{{- $root := .root -}}
{{- $kind := index $root.Values.services .audience | default dict -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ include "twelve333.name" $root }}-{{ .audience }}
  labels: {{- include "twelve333.labels" $root | nindent 4 }}
  {{- with $kind.annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  type: {{ $kind.type | default "ClusterIP" }}
  {{- if has ($kind.type | default "ClusterIP") (list "LoadBalancer" "NodePort") }}
  externalTrafficPolicy: Local
  {{- end }}
  {{- if eq .audience "internal" }}
  clusterIP: None
  {{- end }}
  selector: {{- include "twelve333.selector" $root | nindent 4 }}
    app.kubernetes.io/component: service
  ports:
    {{- range .ports }}
    - {name: {{ . }}, port: {{ index $root.Values.listen . | int }}, targetPort: {{ . }}}
    {{- end }}
{{- end }}

{{- define "twelve333.policies" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "twelve333.name" . }}
  labels: {{- include "twelve333.labels" . | nindent 4 }}
spec:
  maxUnavailable: {{ .Values.podDisruptionBudget.maxUnavailable | int }}
  selector:
    matchLabels: {{- include "twelve333.selector" . | nindent 6 }}
      app.kubernetes.io/component: service
{{- if .Values.networkPolicy.enabled }}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "twelve333.name" . }}
  labels: {{- include "twelve333.labels" . | nindent 4 }}
spec:
  podSelector:
    matchLabels: {{- include "twelve333.selector" . | nindent 6 }}
      app.kubernetes.io/component: service
  policyTypes: [Ingress]
  ingress:
    {{- range include "twelve333.ports" . | fromYamlArray }}
    {{- $port := . }}
    {{- $from := index $.Values.networkPolicy.from . }}
    {{- if or $from (has . (list "federation" "enrolment" "desk" "page")) }}
    - ports: [{protocol: TCP, port: {{ $port }}}]
      {{- with $from }}
      from: {{- toYaml . | nindent 8 }}
      {{- end }}
    {{- end }}
    {{- end }}
{{- end }}
{{- end }}
