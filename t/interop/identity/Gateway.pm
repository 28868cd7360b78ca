package Gateway;

# conf.example/identity as it stands, with addresses and paths of the run, and
# beside it servers for what the example does not show: roles, the caller's
# web identity, credentials of one minute, a second provider.
#
#   my $conf = Gateway::configuration($root, $run, \%port);

use warnings;
use strict;

my $ACCOUNT = '111122223333';


sub configuration {
    my ($root, $run, $port, $example) = @_;

    my $text = local_names($root, $run, $port, $example);

    $text =~ s{^load_module[^;]*;\n}{}mg;
    $text =~ s{^(user|pid)\s[^;]*;\n}{}mg;
    $text =~ s{^\s*ssl_certificate[^;]*;\n}{}mg;
    $text =~ s{^\s*ssl_protocols[^;]*;\n}{}mg;
    $text =~ s{^\s*proxy_ssl_[^;]*;\n}{}mg;
    $text =~ s{include(\s+)deskgate/proxy\w*\.conf;}
              {include$1$root/conf.example/deskgate/proxy.conf;}g;
    $text =~ s{proxy_pass(\s+)https:}{proxy_pass$1http:}g;

    # the fetched key set is as old as the run, not as an afternoon
    $text =~ s{(jwks_uri\s+/\S+?)(?:\s[^;]*)?;}{$1 refresh=10s;}g;

    # who listens where
    $text =~ s{443 ssl http2;(\s+server_name\s+)desks\.example\.com}
              {127.0.0.1:$port->{desks};${1}127.0.0.1}g;
    $text =~ s{443 ssl http2;(\s+server_name\s+)sessions\.example\.com}
              {127.0.0.1:$port->{sessions};${1}127.0.0.1}g;
    $text =~ s{server(\s+)workspaces\.us-east-1\.amazonaws\.com:443;}
              {server${1}127.0.0.1:$port->{moto};}g;
    $text =~ s{server(\s+)broker\.lab\.example\.com:8443;}
              {server${1}127.0.0.1:$port->{broker};}g;

    my $more = local_names($root, $run, $port, more($run, $port));

    $text =~ s/\n\}\s*\z/\n$more}\n/ or die "the example has no end\n";

    return "load_module $root/build/ngx_http_deskgate_module.so;\n"
        . "load_module $root/build/ngx_http_deskgate_sandbox_module.so;\n"
        . ($> == 0 ? "user root;\n" : '')
        . "daemon off;\npid $run/nginx.pid;\n$text";
}


# Names of the world become those of the run; so the commands of the page, too
sub local_names {
    my ($root, $run, $port, $text) = @_;

    $text =~ s{https://sso\.example\.com}{http://127.0.0.1:$port->{keycloak}}g;
    $text =~ s{https://desks\.example\.com}{http://127.0.0.1:$port->{desks}}g;
    $text =~ s{https://sessions\.example\.com}
              {http://127.0.0.1:$port->{sessions}}g;
    $text =~ s{https://sts\.us-east-1\.amazonaws\.com}
              {http://127.0.0.1:$port->{moto}}g;
    $text =~ s{/etc/deskgate}{$run/etc}g;
    $text =~ s{/usr/share/deskgate/models}{$root/src/models}g;
    $text =~ s{/var/log/deskgate}{$run/trail}g;
    $text =~ s{/var/log/nginx}{$run/logs}g;

    return $text;
}


sub server {
    my ($port, $authenticate, $sign, $more) = @_;

    return "
    server {
        listen       127.0.0.1:$port->{$sign};
        server_name  127.0.0.1;

        deskgate_audit  corp;
" . ($more || '') . "
        location / {
            deskgate               workspaces region=us-east-1;
            deskgate_authenticate  $authenticate;
            deskgate_policy        /etc/deskgate/all.json;
            deskgate_sign          $sign;
            proxy_http_version     1.1;
            proxy_set_header       Connection \"\";
            proxy_set_header       Host \$deskgate_host;
            proxy_pass             http://workspaces;
        }

        location = /_deskgate/corp/jwks {
            internal;
            proxy_pass
                https://sso.example.com/realms/desks/protocol/openid-connect/certs;
        }

        location = /_sts {
            internal;
            proxy_set_header  Host sts.us-east-1.amazonaws.com;
            proxy_pass        http://127.0.0.1:$port->{moto}/;
        }
    }
";
}


sub more {
    my ($run, $port) = @_;

    my $role = "arn:aws:iam::$ACCOUNT:role";
    my $temp = join '', map { "    ${_}_temp_path $run/temp/$_;\n" }
        qw/client_body proxy fastcgi uwsgi scgi/;

    return $temp . "
    deskgate_sandbox_zone    sandbox:8m;
    deskgate_sandbox_models  /usr/share/deskgate/models;

    deskgate_issuer node {
        issuer      http://127.0.0.1:$port->{provider};
        audience    deskgate;
        jwks        /etc/deskgate/node.jwks.json;
        algorithms  ES256;
        account     $ACCOUNT;
        groups      groups;
        accept      rfc9068;
    }

    deskgate_issuer filed {
        issuer      https://sso.example.com/realms/desks;
        audience    deskgate;
        jwks        /etc/deskgate/corp.jwks.json;
        algorithms  RS256;
        account     $ACCOUNT;
    }

    deskgate_credentials roles {
        sts     /_sts region=us-east-1;
        source  egress;
        rule    help-desk  issuer=corp group=help-desk role=$role/help-desk
                           session=preferred_username source_identity;
        rule    robots     issuer=corp group=robots role=$role/robots
                           by_web_identity;
    }

    deskgate_credentials web {
        caller_web_identity  role=$role/web sts=/_sts;
    }

    deskgate_credentials nothing {
        assume_role  role=$role/nothing session_name=gateway;
        sts          /_sts region=us-east-1;
        source       egress;
    }

    deskgate_credentials wrong {
        static  file=/etc/deskgate/wrong.json;
    }
" . server($port, 'bearer=corp', 'roles')
  . server($port, 'bearer=corp', 'web')
  . server($port, 'bearer=corp,node', 'nothing')
  . server($port, 'bearer=corp', 'wrong')
  . server({ %$port, egress => $port->{filed} }, 'bearer=filed', 'egress')
  . server({ %$port, egress => $port->{short} }, 'vended=desks bearer=node,gate',
      'egress', "
        location = /credentials {
            deskgate_vend          vended=desks region=us-east-1 lifetime=1m;
            deskgate_authenticate  bearer=corp;
        }

        location = /status {
            deskgate_status;
        }
") . "
    server {
        listen  127.0.0.1:$port->{broker};

        location / {
            deskgate_sandbox_client  deskgate /etc/deskgate/broker.secret;
            deskgate_sandbox         dcv-session-manager region=us-east-1
                                     account=$ACCOUNT;
        }
    }
";
}

1;
