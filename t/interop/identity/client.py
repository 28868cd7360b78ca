"""boto3 with its own chain of credential providers: three calls, the last
after the credentials of the first have expired.
"""

import os
import time

import boto3

session = boto3.session.Session()
client = session.client('workspaces', region_name='us-east-1',
                        endpoint_url=os.environ['GATEWAY'])

for pause in 0, 1, int(os.environ['PAUSE']):
    time.sleep(pause)
    got = client.describe_workspaces()
    key = session.get_credentials().get_frozen_credentials().access_key
    print(len(got['Workspaces']), key, flush=True)
