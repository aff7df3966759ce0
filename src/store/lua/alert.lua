-- alert id (place value)… → {epoch of its session, its data key, the ten strings of the alert} with the values put in their places;
-- {} when it is gone
local base, id = KEYS[1], ARGV[1]
local alert = alert_of(base, id)
local epoch, key = unpack(redis.call('HMGET', base .. ':s', 'epoch', 'k'))
if not alert or not epoch then return {} end
for i = 2, #ARGV - 1, 2 do alert[tonumber(ARGV[i])] = ARGV[i + 1] end
if #ARGV > 2 then keep_alert(base, id, alert) end
return { epoch, key or '', unpack(alert) }
