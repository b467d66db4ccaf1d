# ruby_ami (Adhearsion's library, no TLS): one connection for actions, which turns events off after its login,
# and one for events.  Both log in with "Events: On".
require 'json'
require 'logger'
require 'timeout'
require 'ruby_ami'

# Its classes inherit a logger from Celluloid, which prints every message to standard error.
Celluloid.logger = nil
QUIET = Logger.new(IO::NULL)
VARYING = %w[ActionID Timestamp Uniqueid].freeze
STORY = %w[Newchannel VarSet DialBegin Hangup].freeze

def steady(message)
  kind = message.class.name.split('::').last
  return { 'kind' => kind, 'message' => message.message } if message.is_a?(RubyAMI::Error)

  said = { 'kind' => kind, 'headers' => message.headers.reject { |name, _| VARYING.include?(name) } }
  said['text'] = message.text_body if message.has_text_body?
  said
end

def day(task)
  marker = "-#{task['name']}@"
  events = Queue.new
  manager = RubyAMI::Client.new(
    host: task['host'], port: task['port'], username: task['username'], password: task['secret'],
    event_handler: ->(event) { events << event }, timeout: 10
  )
  # Without an error handler, the first error ends both connections.
  act = ->(name, headers = {}) { manager.send_action(name, headers, ->(error) {}) }
  mine = ->(event) { (event['Channel'] || '').include?(marker) }

  manager.start
  2.times { nil until events.pop.name == 'FullyBooted' } # one from each connection: "On" turns events on
  said = { 'version' => manager.actions_stream.version }
  said['off'] = steady(act.call('Events', 'EventMask' => 'Off'))
  said['ping'] = steady(act.call('Ping'))
  said['getvar'] = steady(act.call('Getvar', 'Variable' => 'LAB'))
  said['command'] = steady(act.call('Command', 'Command' => 'core show version'))
  said['unknown'] = steady(act.call('NoSuchAction'))
  said['originate'] = steady(act.call('Originate',
    'Channel' => "Local/wait9#{marker}lab", 'Application' => 'Wait', 'Data' => '1',
    'Async' => true, 'Variable' => 'ONE=1,TWO=2'))

  seen = []
  until seen.last && seen.last.name == 'OriginateResponse'
    event = events.pop
    seen << event if mine.call(event)
  end
  said['originated'] = steady(seen.last)
  listed = act.call('CoreShowChannels')
  said['list'] = steady(listed)
  said['listed'] = listed.events.last.name
  said['channels'] = listed.events.count { |item| mine.call(item) }
  said['queue'] = act.call('QueueStatus').events.map { |item| steady(item) }
  said['agents'] = steady(act.call('Agents'))
  said['hangup'] = steady(act.call('Hangup', 'Channel' => seen.last['Channel']))
  until seen.last.name == 'Hangup'
    event = events.pop
    seen << event if mine.call(event)
  end
  said['saw'] = seen.map(&:name).uniq & STORY
  said['responses'] = seen.count { |event| event.name == 'OriginateResponse' }
  said # without a Logoff: in the library its response races with the end of the connection
end

Timeout.timeout(30) { $stdout.write(JSON.generate(day(JSON.parse($stdin.read)))) }
$stdout.flush
exit!(0) # the library's threads would wait for the events' connection
