-- Adds events to the ordered stream and to the stream of their type, provided that the ordered stream still ends
-- where the caller last saw it. A script, so that nobody can empty the stream between the look and the first write.
--
-- KEYS: the ordered stream, then the typed stream of each event.
-- ARGV: expected end ('' for none), most entries of the ordered stream, of a typed stream (0: no trimming),
--       then for each event: id, message uuid, metadata, payload.
local last = ''
if redis.call('EXISTS', KEYS[1]) == 1 then
  local info = redis.pcall('XINFO', 'STREAM', KEYS[1])
  if info.err then return info end
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' and info[i + 1] ~= '0-0' then last = info[i + 1] end
  end
end
if last ~= ARGV[1] then return 0 end

local function add(key, most, from)
  local id, uuid, metadata, payload = ARGV[from], ARGV[from + 1], ARGV[from + 2], ARGV[from + 3]
  local reply
  if most == '0' then
    reply = redis.pcall('XADD', key, id, '_watermill_message_uuid', uuid, 'metadata', metadata, 'payload', payload)
  else
    reply = redis.pcall('XADD', key, 'MAXLEN', '~', most, id,
                        '_watermill_message_uuid', uuid, 'metadata', metadata, 'payload', payload)
  end
  if type(reply) == 'table' and reply.err and not string.find(reply.err, 'equal or smaller', 1, true) then
    return reply
  end
end

-- The ordered stream comes last: where an event could not be added to the other one, it ends before that event, and a
-- batch that is behind this one is refused.
for i = 2, #KEYS do
  local from = 4 + (i - 2) * 4
  local failed = add(KEYS[i], ARGV[3], from) or add(KEYS[1], ARGV[2], from)
  if failed then return failed end
end
return 1
