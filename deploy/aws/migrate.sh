#!/bin/sh
# Migrates with the task that the service stack has for it, and waits: migrate.sh SERVICE-STACK NETWORK-STACK
# Fails unless the migrations and then the grants have ended well; their logs are in the stack's log group.
set -eu
output() {
    aws cloudformation describe-stacks --stack-name "$1" --output text \
        --query "Stacks[0].Outputs[?OutputKey=='$2'].OutputValue"
}
cluster=$(output "$1" Cluster)
network="awsvpcConfiguration={subnets=[$(output "$2" PrivateSubnets)],securityGroups=[$(output "$2" BeatGroup)]}"
task=$(aws ecs run-task --cluster "$cluster" --task-definition "$(output "$1" MigrateTask)" --launch-type FARGATE \
    --network-configuration "$network" --query "tasks[0].taskArn" --output text)
aws ecs wait tasks-stopped --cluster "$cluster" --tasks "$task"
# `wait` is content with a task that failed. One that never began has no exit code.
code=$(aws ecs describe-tasks --cluster "$cluster" --tasks "$task" --output text \
    --query "tasks[0].containers[?name=='grants'].exitCode")
if [ "$code" != 0 ]; then
    aws ecs describe-tasks --cluster "$cluster" --tasks "$task" --query "tasks[0].[stoppedReason,containers[].[name,exitCode,reason]]" >&2
    exit 1
fi
echo "migrated"
