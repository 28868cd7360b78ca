"""moto's server as STS and WorkSpaces, with its checks of signatures and
policies on.

    moto_aws.py PORT KEY_SET_URL LOG FILE

AssumeRoleWithWebIdentity is the one call that nobody signs: moto would ask a
signature of it, too, and look at no token.  Here the token must be signed by
a key of KEY_SET_URL, as STS has it.  LOG gets a line for each call that passed
the signature's check: who, and what.  FILE gets the gateway's access key.
"""

import base64
import json
import os
import sys
import threading
import time
import urllib.request

os.environ['MOTO_ACCOUNT_ID'] = '111122223333'

# pylint: disable=wrong-import-position
import boto3
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from moto.core.responses import ActionAuthenticatorMixin as Mixin
from moto.iam import access_control
from moto.server import main
from moto.sts.exceptions import STSClientError
from moto.sts.responses import TokenResponse

PORT, KEYS, LOG, FILE = sys.argv[1:]
URL = f'http://127.0.0.1:{PORT}'
ROLES = {'help-desk': ['workspaces:DescribeWorkspaces'],
         'robots': ['workspaces:DescribeWorkspaces'],
         'web': ['workspaces:DescribeWorkspaces'],
         'nothing': ['s3:ListBuckets']}
checked = Mixin._authenticate_and_authorize_action
assume = TokenResponse.assume_role_with_web_identity
permitted = access_control.IAMRequestBase.check_action_permitted


def refuse(text):
    return STSClientError('InvalidIdentityToken', text)


def decode(text):
    return base64.urlsafe_b64decode(text + '=' * (-len(text) % 4))


def log(who, what):
    with open(LOG, 'a', encoding='utf-8') as file:
        file.write(f'{who} {what}\n')


def verify(token):
    try:
        head, body, signature = token.split('.')
        kid = json.loads(decode(head))['kid']
        with urllib.request.urlopen(KEYS, timeout=10) as answer:
            keys = json.load(answer)['keys']
        key = next(k for k in keys if k['kid'] == kid)
        number = [int.from_bytes(decode(key[n]), 'big') for n in 'en']
        rsa.RSAPublicNumbers(*number).public_key().verify(
            decode(signature), f'{head}.{body}'.encode(),
            padding.PKCS1v15(), SHA256())
    except (ValueError, KeyError, StopIteration, InvalidSignature) as error:
        raise refuse('the token is not good') from error

    claims = json.loads(decode(body))

    if claims['exp'] <= time.time():
        raise refuse('the token has expired')

    return claims['sub']


def authenticate(self, kind, resource='*'):
    if self._get_action() != 'AssumeRoleWithWebIdentity':
        checked(self, kind, resource)


def with_web_identity(self):
    if 'Authorization' in self.headers:
        raise refuse('signed')

    subject = verify(self._get_param('WebIdentityToken'))
    log(f'web:{subject}', 'sts:AssumeRoleWithWebIdentity')
    return assume(self)


def permit(self, resource):
    log(self._access_key.arn, self._action)
    permitted(self, resource)


def client(name):
    return boto3.client(name, endpoint_url=URL, region_name='us-east-1',
                        aws_access_key_id='AKIDSETUP',
                        aws_secret_access_key='setup')


def policy(actions):
    return json.dumps({'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Allow', 'Action': actions, 'Resource': '*'}]})


def world():
    """A user for the gateway, roles, one desktop; then the checks are on."""
    for _ in range(100):
        try:
            urllib.request.urlopen(URL + '/moto-api/', timeout=5).close()
            break
        except OSError:
            time.sleep(0.1)

    iam, ec2, ds = client('iam'), client('ec2'), client('ds')
    workspaces = client('workspaces')
    iam.create_user(UserName='gateway')
    iam.put_user_policy(
        UserName='gateway', PolicyName='gateway', PolicyDocument=policy(
            ['workspaces:DescribeWorkspaces', 'sts:AssumeRole']))

    for name, actions in ROLES.items():
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(
            ['sts:AssumeRole']))
        iam.put_role_policy(RoleName=name, PolicyName=name,
                            PolicyDocument=policy(actions))

    vpc = ec2.create_vpc(CidrBlock='10.0.0.0/16')['Vpc']['VpcId']
    subnets = [ec2.create_subnet(
        VpcId=vpc, CidrBlock=f'10.0.{i}.0/24',
        AvailabilityZone=f'us-east-1{zone}')['Subnet']['SubnetId']
        for i, zone in enumerate('ab')]
    directory = ds.create_directory(
        Name='desks.example.com', Password='Of-a-directory-1', Size='Small',
        VpcSettings={'VpcId': vpc, 'SubnetIds': subnets})['DirectoryId']
    workspaces.register_workspace_directory(DirectoryId=directory)
    workspaces.create_workspaces(Workspaces=[
        {'DirectoryId': directory, 'UserName': 'alice',
         'BundleId': 'wsb-bh8rsxt14'}])

    key = iam.create_access_key(UserName='gateway')['AccessKey']
    urllib.request.urlopen(urllib.request.Request(
        URL + '/moto-api/reset-auth', data=b'0',
        headers={'Content-Type': 'text/plain'})).close()

    with open(FILE + '.new', 'w', encoding='utf-8') as file:
        json.dump({'access_key_id': key['AccessKeyId'],
                   'secret_access_key': key['SecretAccessKey']}, file)

    os.chmod(FILE + '.new', 0o600)
    os.rename(FILE + '.new', FILE)


Mixin._authenticate_and_authorize_action = authenticate
TokenResponse.assume_role_with_web_identity = with_web_identity
access_control.IAMRequestBase.check_action_permitted = permit
threading.Thread(target=world, daemon=True).start()
main(['-H', '127.0.0.1', '-p', PORT])
