# `train` counts the lines of its channel; `serve` answers with the count. What else happens is in hyperparameters and variables.
use strict;
use warnings;
use IO::Socket::INET;

$| = 1;
my $ml = "/opt/ml";
exit(main(@ARGV));

sub main {
    print "called with: @_\n";
    return $_[0] eq "serve" ? serve() : train(@_);
}

sub train {
    my %set = fields("$ml/input/config/hyperparameters.json");
    my $host = {fields("$ml/input/config/resourceconfig.json")}->{current_host};
    $SIG{TERM} = sub { put("$ml/model/stopped-$host", "stopped in time"); exit 0 } unless $set{deaf};
    eat() if $set{eat};
    if ($set{fail}) { put("$ml/output/failure", $set{fail}); return 7 }
    my $address;
    for (1 .. 100) { $address = gethostbyname($set{look_for} // $host) and last; select undef, undef, undef, 0.1 } # names may resolve late
    print "peer ", $address ? join(".", unpack("C4", $address)) : "unknown", "\n";
    print STDERR "an error line\n";
    my $lines = 0;
    for my $file (glob "$ml/input/data/train/*") { $lines += () = get($file) =~ /\n/g }
    put("$ml/input/data/train/part", "spoilt") if $set{spoil};
    put("$ml/model/count-$host", $lines);
    put("$ml/model/seen-$host", join "\n", "args=@_", "greeting=" . ($ENV{GREETING} // ""), "job=$ENV{TRAINING_JOB_NAME}",
        "reached=" . reach($set{reach}),
        "own=" . (-e "$ml/code/own.pl" ? 1 : 0), "shm=" . shm(), "memory=" . memory());
    print "counted $lines\n";
    sleep 1 for 1 .. ($set{sleep_s} // 0);
    return 0;
}

sub serve {
    my ($model) = glob "$ml/model/count-*";
    my $count = $model ? get($model) : "none";
    my $server = IO::Socket::INET->new(LocalAddr => "0.0.0.0", LocalPort => 8080, Listen => 64, ReuseAddr => 1) or die $!;
    $SIG{TERM} = sub { exit 0 };
    $SIG{CHLD} = "IGNORE";
    while (1) {
        my $client = $server->accept or next;
        answer($client, $count) unless fork and close $client;
    }
}

sub answer {
    my ($client, $count) = @_;
    my $length = 0;
    my $first = <$client>;
    while (my $line = <$client>) { last if $line =~ /^\r?\n$/; $length = $1 if $line =~ /^content-length: *(\d+)/i }
    read $client, my $body, $length if $length;
    my $name = get("/etc/hostname");
    chomp $name;
    eat() if ($body // "") eq "eat";
    $body = "reached " . reach($1) if ($body // "") =~ /^reach (.+)/;
    my $text = $first =~ m{ /ping } ? "" : "count=$count host=$name body=" . ($body // "") . " greeting=" . ($ENV{GREETING} // "");
    print $client "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: ", length $text, "\r\n\r\n$text";
    close $client;
    exit 0;
}

sub eat { my @held; push @held, "x" x 10_000_000 while 1 }
sub reach { my $address = shift // return "nobody"; return IO::Socket::INET->new(PeerAddr => $address, Timeout => 3) ? "yes" : "no" }
sub fields { my $text = get(shift); return $text =~ /"(\w+)": *"([^"]*)"/g }
sub get { my $path = shift; open my $file, "<", $path or return ""; local $/; my $content = <$file>; return $content // "" }
sub put { my ($path, $content) = @_; open my $file, ">", $path or do { print "cannot write $path: $!\n"; return }; print $file $content; close $file }
sub shm { my ($line) = grep { m{ /dev/shm } } split /\n/, get("/proc/mounts"); return $line =~ /size=(\w+)/ ? $1 : "?" }
sub memory {
    for my $path ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes") {
        my $limit = get($path); chomp $limit; return $limit if $limit ne "";
    }
    return "?";
}
