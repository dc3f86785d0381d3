-- What wrk sends and counts for scripts/load.py: with a body given that body, else one new face a request,
-- another seed each.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"

local threads = {}

function setup(thread)
  thread:set("id", #threads)
  table.insert(threads, thread)
end

function init(args)
  wrk.headers["Accept"] = args[1]
  wrk.path = args[2]
  if args[3] then
    local file = io.open(args[3])
    wrk.body = file:read("*a")
    file:close()
  end
  seed, counts = id * 1000000, {}
end

function request()
  if wrk.body then return wrk.format() end
  seed = seed + 1
  return wrk.format(nil, nil, nil, string.format('{"count": 1, "seed": %d}', seed))
end

function response(status)
  counts[status] = (counts[status] or 0) + 1
  answered = ""
  for code, count in pairs(counts) do answered = answered .. code .. ":" .. count .. " " end
end

function done(summary, latency, requests)
  local total = {}
  for _, thread in ipairs(threads) do
    for code, count in string.gmatch(thread:get("answered") or "", "(%d+):(%d+)") do
      total[code] = (total[code] or 0) + tonumber(count)
    end
  end
  for code, count in pairs(total) do print("status", code, count) end
  local broken = summary.errors
  print("broken", broken.connect + broken.read + broken.write, broken.timeout)
  print("seconds", summary.duration / 1e6)
  for _, share in ipairs({50, 95, 99}) do print("percentile", share, latency:percentile(share) / 1000) end
end
