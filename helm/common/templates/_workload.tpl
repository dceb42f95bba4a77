{{/*
A StatefulSet of exactly one pod, on either database: a member numbers its events in one order, so two at a time under one name
must never run, and a StatefulSet starts the next only when the last is gone.
*/}}
{{- define "twelve333.workload" -}}
{{- $name := include "twelve333.name" . -}}
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: {{ $name }}
  labels: {{- include "twelve333.labels" . | nindent 4 }}
spec:
  replicas: 1
  serviceName: {{ $name }}-internal
  selector:
    matchLabels: {{- include "twelve333.selector" . | nindent 6 }}
      app.kubernetes.io/component: service
  template:
    metadata:
      labels: {{- include "twelve333.labels" . | nindent 8 }}
        app.kubernetes.io/component: service
      annotations:
        twelve333/settings: {{ print (include "twelve333.settings" .) (include "twelve333.files" .) | sha256sum }}
        {{- with .Values.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      {{- include "twelve333.pod.common" . | nindent 6 }}
      terminationGracePeriodSeconds: {{ add (.Values.drainSeconds | ceil | int) 15 }}
      {{- if eq .Values.database.kind "sqlite" }}
      # The file lies on a volume that only this pod may hold, so a job beside it could not reach it: migrate here, as a step of its own.
      initContainers:
        - name: migrate
          {{- include "twelve333.container" (dict "root" . "verb" "migrate" "pki" false) | nindent 10 }}
      {{- end }}
      containers:
        - name: service
          {{- include "twelve333.container" (dict "root" . "verb" "run" "pki" true) | nindent 10 }}
          ports:
            {{- range include "twelve333.ports" . | fromYamlArray }}
            - {name: {{ . }}, containerPort: {{ index $.Values.listen . | int }}}
            {{- end }}
          startupProbe:
            grpc: {port: {{ .Values.listen.health | int }}}
            periodSeconds: 2
            failureThreshold: 60
          livenessProbe:
            grpc: {port: {{ .Values.listen.health | int }}}
            periodSeconds: 10
            timeoutSeconds: 3
          readinessProbe:
            grpc: {port: {{ .Values.listen.health | int }}, service: ready}
            periodSeconds: 5
            timeoutSeconds: 3
      volumes:
        - name: settings
          configMap: {name: {{ $name }}}
        - name: scratch
          emptyDir: {sizeLimit: 64Mi}
        - name: pki
          projected:
            defaultMode: 0440
            sources: {{- include "twelve333.pki" . | nindent 14 }}
        {{- with .Values.broker.configClaim }}
        - name: broker
          persistentVolumeClaim: {claimName: {{ . | quote }}}
        {{- end }}
  {{- if eq .Values.database.kind "sqlite" }}
  volumeClaimTemplates:
    - metadata:
        name: data
        labels: {{- include "twelve333.selector" . | nindent 10 }}
      spec:
        accessModes: [ReadWriteOnce]
        {{- with .Values.database.sqlite.storageClass }}
        storageClassName: {{ . | quote }}
        {{- end }}
        resources:
          requests:
            storage: {{ .Values.database.sqlite.size }}
  {{- end }}
{{- end }}
