# The routes of test/fixtures/full.js that the bench asks for, as Rack.
require "digest"
require "json"

run lambda { |env|
  query = URI.decode_www_form(env["QUERY_STRING"]).to_h
  body = "hello\n"
  case env["PATH_INFO"]
  when "/slow"
    sleep(query.fetch("ms", "300").to_i / 1000.0)
    body = "slow\n"
  when "/upload"
    data = env["rack.input"].read
    body = JSON.generate({ length: data.bytesize, sha1: Digest::SHA1.hexdigest(data) })
  end
  headers = { "Content-Length" => body.bytesize.to_s, "X-Worker" => Process.pid.to_s }
  headers["X-N"] = query["n"] if query["n"]
  [200, headers, [body]]
}
