"""The classifiers of the synthetic image task that tools/train_embedded.py trains: [batch,3,32,32]
to logits [batch,10]. Each is a family of networks cut down to this image, with what makes that
family hard to quantise left in: NETS names them all."""

import torch
from torch import nn

CLASSES = 10


def conv_bn(inputs, outputs, kernel, stride=1, groups=1, activation=nn.ReLU6):
    layers = [
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
    ]
    return nn.Sequential(*layers, *([activation()] if activation else []))


class Classifier(nn.Module):
    """Features, a global average over the image, and what makes logits of it."""

    def __init__(self, features, classifier):
        super().__init__()
        self.features = features
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = classifier

    def forward(self, x):
        return self.classifier(torch.flatten(self.pool(self.features(x)), 1))


class InvertedResidual(nn.Module):
    """Expand 1x1, depthwise, weigh the channels if wanted, project 1x1; the input is added where
    the shapes allow it. MobileNetV2's block, with V3's options."""

    def __init__(self, inputs, hidden, outputs, stride, kernel=3, squeeze=False,
                 activation=nn.ReLU6):
        super().__init__()
        self.body = nn.Sequential(
            conv_bn(inputs, hidden, 1, activation=activation),
            conv_bn(hidden, hidden, kernel, stride, groups=hidden, activation=activation),
            *([SqueezeExcite(hidden)] if squeeze else []),
            conv_bn(hidden, outputs, 1, activation=None),
        )
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x):
        return x + self.body(x) if self.residual else self.body(x)


class SqueezeExcite(nn.Module):
    """Each channel times a weight in [0, 1] that all channels' means decide."""

    def __init__(self, channels):
        super().__init__()
        self.weights = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(channels, channels // 4, 1),
            nn.ReLU(),
            nn.Conv2d(channels // 4, channels, 1),
            nn.Hardsigmoid(),
        )

    def forward(self, x):
        return x * self.weights(x)


def mobilenet_v2():
    # Expansion, channels, blocks, stride of the first block.
    stages = [(2, 24, 1, 1), (4, 32, 2, 2), (4, 48, 2, 1), (4, 64, 2, 2)]
    channels, head = 24, 160
    blocks = [conv_bn(3, channels, 3, stride=2)]
    for expansion, outputs, count, stride in stages:
        for i in range(count):
            blocks.append(InvertedResidual(channels, channels * expansion, outputs,
                                           stride if i == 0 else 1))
            channels = outputs
    blocks.append(conv_bn(channels, head, 1))
    return Classifier(nn.Sequential(*blocks), nn.Linear(head, CLASSES))


def mobilenet_v1():
    """Depthwise and pointwise in turn, a BatchNormalization behind each: depthwise channels end up
    with ranges far apart, which one scale a tensor cannot serve."""
    # Channels, stride.
    stages = [(48, 1), (96, 2), (96, 1), (96, 1), (192, 2), (192, 1)]
    channels = 24
    blocks = [conv_bn(3, channels, 3, stride=2, activation=nn.ReLU)]
    for outputs, stride in stages:
        blocks.append(conv_bn(channels, channels, 3, stride, channels, nn.ReLU))
        blocks.append(conv_bn(channels, outputs, 1, activation=nn.ReLU))
        channels = outputs
    return Classifier(nn.Sequential(*blocks), nn.Linear(channels, CLASSES))


def mobilenet_v3():
    """Squeeze and excitation, HardSwish, 5x5 depthwise, two fully connected layers at the end."""
    # Kernel, hidden channels, channels, squeeze and excitation, activation, stride.
    stages = [
        (3, 32, 24, True, nn.ReLU, 1),
        (3, 64, 32, False, nn.ReLU, 2),
        (5, 96, 40, True, nn.Hardswish, 1),
        (5, 120, 40, True, nn.Hardswish, 1),
        (5, 144, 64, True, nn.Hardswish, 2),
        (5, 192, 64, True, nn.Hardswish, 1),
    ]
    channels, head, hidden = 16, 192, 128
    blocks = [conv_bn(3, channels, 3, stride=2, activation=nn.Hardswish)]
    for kernel, inner, outputs, squeeze, activation, stride in stages:
        blocks.append(InvertedResidual(channels, inner, outputs, stride, kernel, squeeze,
                                       activation))
        channels = outputs
    blocks.append(conv_bn(channels, head, 1, activation=nn.Hardswish))
    classifier = nn.Sequential(nn.Linear(head, hidden), nn.Hardswish(),
                               nn.Linear(hidden, CLASSES))
    return Classifier(nn.Sequential(*blocks), classifier)


class DenseLayer(nn.Module):
    """The input with `growth` channels more behind it, made by BN-ReLU-1x1-BN-ReLU-3x3."""

    def __init__(self, inputs, growth):
        super().__init__()
        self.body = nn.Sequential(
            nn.BatchNorm2d(inputs), nn.ReLU(),
            nn.Conv2d(inputs, 2 * growth, 1, bias=False),
            nn.BatchNorm2d(2 * growth), nn.ReLU(),
            nn.Conv2d(2 * growth, growth, 3, padding=1, bias=False),
        )

    def forward(self, x):
        return torch.cat([x, self.body(x)], 1)


def densenet():
    """Concatenations, whose parts have ranges of their own, and BatchNormalization before the
    activation and the convolution, which no convolution before it can take in."""
    channels = 24
    blocks = [nn.Conv2d(3, channels, 3, 2, 1, bias=False)]
    for i, (growth, layers) in enumerate([(12, 2), (16, 4), (24, 4)]):
        if i > 0:
            blocks += [nn.BatchNorm2d(channels), nn.ReLU(),
                       nn.Conv2d(channels, channels, 1, bias=False), nn.AvgPool2d(2)]
        for _ in range(layers):
            blocks.append(DenseLayer(channels, growth))
            channels += growth
    blocks += [nn.BatchNorm2d(channels), nn.ReLU()]
    return Classifier(nn.Sequential(*blocks), nn.Linear(channels, CLASSES))


class Vgg(nn.Module):
    """3x3 convolutions (each with a BatchNormalization, as VGG's later editions), max pooling and
    three fully connected layers, the first over the whole image, whose sums are long."""

    def __init__(self):
        super().__init__()
        layers = []
        channels = 3
        for stage in [(24,), (48,), (64, 64)]:
            for outputs in stage:
                layers.append(conv_bn(channels, outputs, 3, activation=nn.ReLU))
                channels = outputs
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.Linear(channels * 4 * 4, 128), nn.ReLU(),
            nn.Linear(128, 64), nn.ReLU(),
            nn.Linear(64, CLASSES),
        )

    def forward(self, x):
        return self.classifier(torch.flatten(self.features(x), 1))


NETS = {
    "mobilenet_v2": mobilenet_v2,
    "mobilenet_v1": mobilenet_v1,
    "mobilenet_v3": mobilenet_v3,
    "densenet": densenet,
    "vgg": Vgg,
}
