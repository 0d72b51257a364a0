# From the lists of Pods, namespaces and NetworkPolicies, in this order, to one nftables table. Pure.
# A Pod that a policy selects gets a chain per direction that ends in drop. Node to Pod (probes) is never policed.

def fits($labels): # a label selector; {} fits all
  ((.matchLabels // {}) | to_entries | all(.[]; .value == $labels[.key])) and
  ((.matchExpressions // []) | all(.[]; . as $one | $labels[$one.key] as $value |
    if $one.operator == "In" then ($one.values | index([$value])) != null
    elif $one.operator == "NotIn" then ($one.values | index([$value])) == null
    elif $one.operator == "Exists" then $value != null
    else $value == null end));

def directions: # a policy's; absent they follow from its rules
  .spec.policyTypes // (["Ingress"] + (if .spec.egress then ["Egress"] else [] end));

(.[0].items | map(select(.spec.hostNetwork != true and (.status.podIP // "") != "" and (.status.phase | IN("Succeeded", "Failed") | not)) | {
  namespace: .metadata.namespace, labels: (.metadata.labels // {}), address: .status.podIP,
  ports: ([.spec.containers[].ports // [] | .[] | select(.name) | {key: .name, value: .containerPort}] | from_entries)
})) as $pods |
(.[1].items | map({key: .metadata.name, value: (.metadata.labels // {})}) | from_entries) as $namespaces |
.[2].items as $policies |

# Whom a peer means: addresses, exceptions and named ports.
def whom($home):
  . as $peer |
  if .ipBlock then (if (.ipBlock.cidr | contains(":")) then empty else {address: .ipBlock.cidr, except: [.ipBlock.except // [] | .[] | select(contains(":") | not)], ports: {}} end)
  else $pods[] | . as $pod | select(
    (if $peer.namespaceSelector then ($peer.namespaceSelector | fits($namespaces[$pod.namespace] // {})) else $pod.namespace == $home end) and
    (($peer.podSelector // {}) | fits($pod.labels))) | {address, except: [], ports}
  end;

# "" where a rule names no port, nothing where it names one that nobody has.
def port($ports):
  if . == null then ""
  else (.protocol // "TCP" | ascii_downcase) as $protocol |
    (if (.port | type) == "string" then $ports[.port] else .port end) as $number |
    if .port == null then "meta l4proto \($protocol) "
    elif $number == null then empty
    else "\($protocol) dport \($number)\(if .endPort then "-\(.endPort)" else "" end) " end
  end;

def rules($pod; $direction; $rules; $peers; $other):
  $policies[] | select(.metadata.namespace == $pod.namespace and ((.spec.podSelector // {}) | fits($pod.labels)) and (directions | index($direction) != null)) |
  .spec[$rules] // [] | .[] | . as $rule |
  (if ($rule[$peers] // []) == [] then {address: null, except: [], ports: {}} else $rule[$peers][] | whom($pod.namespace) end) as $peer |
  (($rule.ports // []) | if . == [] then [null] else . end | .[] | port(if $direction == "Ingress" then $pod.ports else $peer.ports end)) as $port |
  (if $peer.address then "ip \($other) \($peer.address) " else "" end) + ([$peer.except[] | "ip \($other) != \(.) "] | add // "") + $port + "accept";

def policed($pod; $direction):
  any($policies[]; .metadata.namespace == $pod.namespace and ((.spec.podSelector // {}) | fits($pod.labels)) and (directions | index($direction) != null));

[$pods | to_entries[] | .key as $number | .value as $pod |
  (select(policed($pod; "Ingress")) | {way: "in", mine: "daddr", number: $number, pod: $pod, rules: [rules($pod; "Ingress"; "ingress"; "from"; "saddr")]}),
  (select(policed($pod; "Egress")) | {way: "out", mine: "saddr", number: $number, pod: $pod, rules: [rules($pod; "Egress"; "egress"; "to"; "daddr")]})] as $chains |

def jumps($way): [$chains[] | select(.way == $way) | "  ip \(.mine) \(.pod.address) jump \(.way)\(.number)\n"] | add // "";
def base($name; $hook; $priority; $way):
  " chain \($name) {\n  type filter hook \($hook) priority \($priority); policy accept;\n  ct state established,related accept\n\(jumps($way)) }\n";

"table ip netpol\ndelete table ip netpol\ntable ip netpol {\n" +
([$chains[] | " chain \(.way)\(.number) {\n" + ([.rules[] | "  \(.)\n"] | add // "") + "  counter drop\n }\n"] | add // "") +
# accept ends only one of the base chains: a packet has to pass the sender's rules and the receiver's.
base("from_pods"; "forward"; -2; "out") + base("to_node"; "input"; -2; "out") + base("to_pods"; "forward"; -1; "in") + "}"
