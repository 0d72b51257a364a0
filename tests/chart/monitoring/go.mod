// Only its CustomResourceDefinitions are read: what a ServiceMonitor and a PrometheusRule have to be like.
module monitoring

go 1.26

require github.com/prometheus-operator/prometheus-operator v0.85.0
